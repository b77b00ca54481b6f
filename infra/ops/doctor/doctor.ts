import { Failure } from '../../../lambda/domain/failure.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { type Output, type Tone, toned } from '../terminal.ts';
import { bad, type Check, type CheckContext, type CheckResult, probesOf } from './check.ts';
import { backlogCheck, evidenceKeyCheck, localRunCheck, scheduleCheck, tablesCheck } from './runtime-checks.ts';
import { secretsCheck, settingsCheck } from './setup-checks.ts';
import { clockCheck, rateLimitCheck, voucherifyCheck } from './voucherify-checks.ts';

/** In the order in which they are told: what the next one needs comes first. */
const checks: readonly Check[] = [
  localRunCheck,
  settingsCheck,
  secretsCheck,
  voucherifyCheck,
  rateLimitCheck,
  clockCheck,
  tablesCheck,
  scheduleCheck,
  backlogCheck,
  evidenceKeyCheck,
];

export const doctorCommand: Command = {
  summary: 'is everything there, filled in and alive? what is not, and what to do',
  options: {},
  help: `npm run ops -- doctor

Looks at settings, secrets, the keys and the quota of Voucherify, the clock, the tables, the schedule, what waits, and the
key for evidence. It changes nothing. It makes one call to each project (two with OAuth), which counts against its quota
and goes past the pace: it lists the customers with an address that nobody has. Exit code 1 when a line begins with ✗.

  npm run ops -- doctor
  npm run ops -- doctor --local
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 npm run ops -- doctor --settings my-settings.json --json
`,
  run: (_, desk, output) => doctor(desk, output),
};

/** Longest that one check may take, in milliseconds. */
const longestMs = 20_000;

/** Runs all checks beside each other and tells what they found. Exit code 1 when anything is bad. Never throws. */
export async function doctor(desk: OpsContext, output: Output, mostMs = longestMs): Promise<number> {
  const patient: CheckContext = { ...desk, probes: probesOf(desk) };
  output.progress('looking …');
  const all = await Promise.all(
    checks.map(async check => ({ check, findings: await examined(check, patient, mostMs) })),
  );
  output.progress('');
  const told = all.flatMap(({ check, findings }) => findings.map(finding => ({ check: check.name, ...finding })));
  if (output.json) output.printJson(told);
  else for (const line of told) output.print(worded(line));
  const counts = Object.groupBy(told, ({ grade }) => grade);
  if (!output.json) {
    output.print(
      `${counts.ok?.length ?? 0} fine, ${counts.warning?.length ?? 0} to look at, ${counts.bad?.length ?? 0} wrong`,
    );
  }
  return counts.bad === undefined ? 0 : 1;
}

/** A check that fails or takes too long is a finding as well. */
async function examined(check: Check, patient: CheckContext, mostMs: number): Promise<readonly CheckResult[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly CheckResult[]>(resolve => {
    timer = setTimeout(() => resolve([bad(`took longer than ${mostMs / 1000} s: is the network in order?`)]), mostMs);
  });
  const examining = Promise.resolve(patient)
    .then(check.run)
    .catch((error: unknown) => [bad(failed(error))]);
  return Promise.race([examining, late]).finally(() => clearTimeout(timer));
}

function failed(error: unknown): string {
  if (error instanceof Failure) return `cannot be told: ${error.message}`;
  return `cannot be told (${error instanceof Error ? error.name : 'unknown'}): are credentials and region those of the deployment?`;
}

const marks: Readonly<Record<CheckResult['grade'], readonly [Tone, string]>> = {
  ok: ['good', '✓'],
  warning: ['warning', '!'],
  bad: ['bad', '✗'],
};

function worded({ check, grade, message }: CheckResult & { readonly check: string }): string {
  return `${toned(...marks[grade])} ${check.padEnd(12)} ${message}`;
}
