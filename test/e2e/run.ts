import { motoIsHere } from '../support/moto.ts';
import { calls } from './scenarios/calls.ts';
import { frozen } from './scenarios/frozen.ts';
import { logs, outage } from './scenarios/outage.ts';
import { template } from './scenarios/template.ts';
import { byHand, erasure, placeholders, rotation } from './scenarios/webhook.ts';
import { isStale, readAssembly, synthesise } from './support/assembly.ts';
import { type Checks, startChecks } from './support/checks.ts';
import { type ClientChoice, type Harness, redirections, withHarness } from './support/harness.ts';
import { endOnSignals } from './support/listen.ts';

const help = `Runs the bundles of cdk.out as Lambda does, against an emulated AWS and a sandbox Voucherify.

  npm run e2e [-- --own-client]

The bundles and their environment come from the template; a missing or outdated cdk.out is synthesized first. They run on
this Node version with the official runtime interface client (aws-lambda-ric), which is built once in a cache folder. If
it cannot be built, or with --own-client, a runtime client of this repository is used, and the output says so. Requires
moto_server and openssl on the PATH; for the official client also a C++ compiler, make, cmake, autoconf, automake and
libtool.

Exit code: 0 all passed, 1 a check failed, 2 the checks could not run.
`;

if (process.argv.includes('--help')) process.stdout.write(help);
else process.exitCode = await run(process.argv.includes('--own-client') ? 'own' : 'official');

async function run(choice: ClientChoice): Promise<0 | 1 | 2> {
  if (!motoIsHere()) return 2;
  endOnSignals();
  const checks = startChecks();
  try {
    if (isStale()) {
      checks.heading('cdk.out is missing or outdated: cdk synth');
      synthesise();
    }
    await withHarness(readAssembly(), choice, checks.note, harness => scenarios(harness, checks));
  } catch (error) {
    console.error(error);
    return 2;
  } finally {
    console.log(`\n${checks.passed} passed, ${checks.failed} failed`);
  }
  return checks.failed === 0 ? 0 : 1;
}

async function scenarios(harness: Harness, checks: Checks): Promise<void> {
  checks.heading(`Under ${harness.client.name} (${harness.client.remark}), Node ${process.version}. Redirected:`);
  for (const line of redirections) checks.note(line);
  checks.heading('The template');
  await template(harness, checks);
  checks.heading('The webhook');
  await placeholders(harness, checks);
  await erasure(harness, checks);
  await byHand(harness, checks);
  await rotation(harness, checks);
  checks.heading('Calls on the request path');
  await calls(harness, checks);
  checks.heading('Frozen starts, and starts without Secrets Manager');
  await frozen(harness, checks);
  checks.heading('The sweep');
  await outage(harness, checks);
  checks.heading('The logs');
  await logs(harness, checks);
}
