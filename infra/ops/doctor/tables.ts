import type { TableStatus } from '../kept-tables.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './finding.ts';

/** Whether receipts, their queue and the control rows can be read, and how AWS keeps the tables. */
export const tablesCheck: Check = {
  name: 'tables',
  run: async patient => {
    const { store, control, local, names } = patient;
    const called = local === undefined ? names.receipts : 'the store of npm start';
    const reads: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['receipts', () => store.read('no-such-receipt')],
      ['the queue', () => store.due('erase', 0, 1)],
      ['control rows', () => control.read(['no-such-row'])],
    ];
    const findings = await Promise.all(reads.map(([what, read]) => readable(`${called}: ${what}`, read)));
    return [...findings, ...(await kept(patient))];
  },
};

async function readable(what: string, read: () => Promise<unknown>): Promise<CheckResult> {
  const missing = 'is it deployed in this region, under this --stage, and may you read it?';
  return read().then(
    () => ok(`${what} can be read`),
    () => bad(`${what} cannot be read: ${missing}`),
  );
}

/** An emulator keeps some of this to itself, so that what is missing is a warning. */
async function kept({ tables }: CheckContext): Promise<readonly CheckResult[]> {
  if (tables === undefined) return [];
  const described = await tables().catch(() => undefined);
  if (described === undefined)
    return [warning('how AWS keeps the tables cannot be seen: may you do dynamodb:Describe*?')];
  return described.flatMap(ofTable);
}

function ofTable(table: TableStatus): readonly CheckResult[] {
  const missing = [
    table.active ? [] : ['it is not active'],
    table.backedUp ? [] : ['point-in-time recovery is off'],
    table.protectedFromDeletion ? [] : ['deletion protection is off'],
    table.mustExpire && !table.expires ? ['closed receipts never expire'] : [],
  ].flat();
  if (missing.length === 0) return [ok(`${table.name}: active, backed up and protected from deletion`)];
  return [warning(`${table.name}: ${missing.join(', ')}: deploy again, and see who changes tables by hand`)];
}
