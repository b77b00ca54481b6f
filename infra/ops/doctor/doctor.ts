import { Failure } from '../../../lambda/domain/failure.ts';
import type { Command, OpsContext } from '../context.ts';
import { counted, type Output } from '../terminal.ts';
import { bad, type Check, type CheckContext, type CheckResult, formatResult, probesOf } from './check.ts';
import {
  backlogCheck,
  evidenceKeyCheck,
  localRunCheck,
  pullsCheck,
  scheduleCheck,
  tablesCheck,
} from './runtime-checks.ts';
import { secretsCheck } from './secret-checks.ts';
import { alarmsCheck, deployedSettingsCheck, identityCheck, settingsCheck } from './setup-checks.ts';
import { clockCheck, rateLimitCheck, voucherifyCheck } from './voucherify-checks.ts';

/** In output order. A failed check can explain those after it. */
const checks: readonly Check[] = [
  identityCheck,
  localRunCheck,
  settingsCheck,
  deployedSettingsCheck,
  alarmsCheck,
  secretsCheck,
  voucherifyCheck,
  rateLimitCheck,
  clockCheck,
  tablesCheck,
  scheduleCheck,
  pullsCheck,
  backlogCheck,
  evidenceKeyCheck,
];

export const doctorCommand: Command = {
  summary: 'check the deployment: what is wrong, and how to fix it',
  options: {},
  help: `npm run ops -- doctor

Shows account, region, stage and operator first. Then checks settings (the file
and the deployed ones), who gets the alarms, secrets, Voucherify keys and quota,
clock, tables, schedule, pulls, backlog, pauses and the evidence key. It changes
nothing. It makes one call to each project (two with OAuth), which counts
against the quota and bypasses the rate limiter: it lists the customers with an
address that cannot exist.
Exit code 1 if a line begins with ✗.

  npm run ops -- doctor
  npm run ops -- doctor --local
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 \\
    npm run ops -- doctor --settings my-settings.json --json
`,
  run: (_, context, output) => doctor(context, output),
};

/** Time limit of one check, in milliseconds. */
const checkLimitMs = 20_000;

/** Runs all checks in parallel and prints their results. Returns exit code 1 if any is bad. Never throws. */
export async function doctor(context: OpsContext, output: Output, limitMs = checkLimitMs): Promise<number> {
  const checkContext: CheckContext = { ...context, probes: probesOf(context) };
  output.progress('checking …');
  const all = await Promise.all(
    checks.map(async check => ({ check, found: await runCheck(check, checkContext, limitMs) })),
  );
  output.progress('');
  const results = all.flatMap(({ check, found }) => found.map(result => ({ check: check.name, ...result })));
  if (output.json) output.printJson(results);
  else for (const line of results) output.print(formatLine(line), messageColumn);
  const counts = Object.groupBy(results, ({ grade }) => grade);
  if (!output.json) {
    output.print(
      `${counts.ok?.length ?? 0} ok, ${counted(counts.warning?.length ?? 0, 'warning')}, ${counts.bad?.length ?? 0} wrong`,
    );
  }
  return counts.bad === undefined ? 0 : 1;
}

/** Runs one check. A failure or a timeout becomes a result. */
async function runCheck(check: Check, context: CheckContext, limitMs: number): Promise<readonly CheckResult[]> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<readonly CheckResult[]>(resolve => {
    timer = setTimeout(() => resolve([bad(`took longer than ${limitMs / 1000} s: check the network`)]), limitMs);
  });
  const running = Promise.resolve(context)
    .then(check.run)
    .catch((error: unknown) => [bad(failureText(error))]);
  return Promise.race([running, timeout]).finally(() => clearTimeout(timer));
}

function failureText(error: unknown): string {
  if (error instanceof Failure) return `unavailable: ${error.message}`;
  return `unavailable (${error instanceof Error ? error.name : 'unknown'}): check that credentials and region are those of the deployment`;
}

/** Where messages start, after the mark and the check's name. */
const messageColumn = 15;

function formatLine({ check, grade, message }: CheckResult & { readonly check: string }): string {
  return formatResult({ grade, message: `${check.padEnd(12)} ${message}` });
}
