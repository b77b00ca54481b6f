import * as v from 'valibot';
import { parseJson } from '../io/json.ts';
import { placeholder, type ReadSecret } from '../io/secret.ts';

/** The application key of one project (Voucherify docs, Authentication). */
export interface ApiKey {
  readonly appId: string;
  readonly appToken: string;
}

/** Loads the keys; `undefined` when they cannot be read or are not usable. */
export type ReadApiKey = (options?: { readonly fresh?: boolean }) => Promise<ApiKey | undefined>;

const filled = v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/), v.notValues([placeholder]));
const keysSchema = v.object({ appId: filled, appToken: filled });

/** Reads `erasure/voucherify/<project>`. A failure to read or a placeholder is never replaced by a default. */
export function apiKeyReader(project: string, readSecret: ReadSecret): ReadApiKey {
  return async options => {
    const text = await readSecret(`erasure/voucherify/${project}`, options).catch(() => '');
    const parsed = v.safeParse(keysSchema, parseJson(text)?.value);
    return parsed.success ? parsed.output : undefined;
  };
}
