import * as v from 'valibot';
import { settingsProblems } from './guards.ts';
import { genericSchema, resolveSettings } from './schema.ts';

/** Settings of a platform without code of its own. Source: docs/platforms/generic.md. */
export const genericSettings = v.pipe(
  genericSchema,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    for (const { path, message } of settingsProblems(resolveSettings(dataset.value))) {
      const keys = path.map(
        key => ({ type: 'unknown', origin: 'value', input: undefined, key, value: undefined }) as const,
      );
      const [first, ...rest] = keys;
      addIssue({ message, ...(first === undefined ? {} : { path: [first, ...rest] }) });
    }
  }),
);
