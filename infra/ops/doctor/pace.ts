import { readRateLimit } from '../../../lambda/voucherify/pacer.ts';
import { bad, type Check, type CheckContext, type CheckResult, isoSeconds, ok, warning } from './finding.ts';

/** Whether a project is closed for everybody, until when and why. */
export const rateLimitCheck: Check = {
  name: 'pace',
  run: async patient =>
    (await Promise.all(Object.keys(patient.settings.projects).map(name => ofProject(name, patient)))).flat(),
};

async function ofProject(name: string, { control, now }: CheckContext): Promise<readonly CheckResult[]> {
  const pace = await readRateLimit(name, control);
  if (pace === undefined) {
    return [bad(`${name}: its row cannot be read, so nobody calls: deploy the version that wrote it`)];
  }
  const { breaker, reservedForShopUntil = 0 } = pace;
  if (breaker !== undefined && breaker.openUntil > now()) {
    return [
      warning(
        `${name}: closed until ${isoSeconds(breaker.openUntil)} (${breaker.code}): ${whatToDo[breaker.code] ?? itself}`,
      ),
    ];
  }
  if (reservedForShopUntil > now())
    return [warning(`${name}: rests until ${isoSeconds(reservedForShopUntil)}, since the shop needs what is left`)];
  return [ok(`${name}: open`)];
}

const itself = 'it opens by itself; nothing is lost';
const whatToDo: Readonly<Record<string, string>> = {
  'key-refused': 'a new key in its secret opens it at once (RUNBOOK.md#voucherify-access-refused)',
  'quota-exhausted': 'one call an hour tries (RUNBOOK.md#voucherify-access-refused)',
};
