import { cpus, loadavg, release } from 'node:os';
import { isStale, synthesise } from '../e2e/support/assembly.ts';
import { endOnSignals } from '../e2e/support/listen.ts';
import { atOnce } from './at-once.ts';
import { withBenchHarness } from './bench-harness.ts';
import { coldStart } from './cold-start.ts';
import { events } from './events.ts';
import { operator } from './operator.ts';
import { pausedBacklog } from './paused.ts';
import { profile } from './profile.ts';
import { reservations } from './reservations.ts';
import { sweepShare } from './scale.ts';
import { bundleBytes } from './subjects.ts';
import { warm } from './warm.ts';

const help = `Measures the webhook's bundle of cdk.out against bare handlers that make the same calls to the same servers.

  npm run bench                   everything, about ten minutes
  npm run bench -- bundle         bytes of the bundles
  npm run bench -- cold           fresh processes, from the spawn to the first response
  npm run bench -- warm           requests one after the other: time, memory, calls
  npm run bench -- peers          the three above, also for handlers with middy, Hono, Voucherify's client and Powertools
  npm run bench -- profile        what uses the CPU time of a start and of a warm request, by package and folder
  npm run bench -- once           many requests at once, in one instance and in a hundred
  npm run bench -- events         events of customers on one instance
  npm run bench -- quota          reservations of quota at once, on DynamoDB Local (needs java)
  npm run bench -- operator       the operator's commands over a table of a million receipts
  npm run bench -- scale          in virtual time: what receipts under a pause cost (needs java), and the share of the quota
                                  that the sweep uses; a few minutes

  --starts N     fresh processes for each subject (25)
  --requests N   requests for each subject and round (1500)
  --rounds N     rounds of requests at once (3)
  --receipts N   receipts in the operator's table (1000000)
  --paused N     receipts under a pause (100000)
  --before DIR   also measure the webhook's bundle of an earlier cdk.out, an asset folder
  --own-client   use the runtime client of this repository instead of the official one

These are no tests: the times depend on the machine and its load.
`;

const known = ['bundle', 'cold', 'warm', 'profile', 'peers', 'once', 'events', 'quota', 'operator', 'scale'];
/** Parts with a table of all subjects. */
const comparisons = ['bundle', 'cold', 'warm'];
/** Parts that need no bundle. */
const withoutBundle = ['events', 'quota', 'operator', 'scale'];

if (process.argv.includes('--help')) process.stdout.write(help);
else await measure(process.argv.slice(2));

async function measure(args: readonly string[]): Promise<void> {
  const selected = known.filter(part => args.includes(part));
  const peers = selected.includes('peers');
  const compares = peers && !comparisons.some(part => selected.includes(part));
  const wants = (part: string) =>
    selected.length === 0 || selected.includes(part) || (compares && comparisons.includes(part));
  endOnSignals();
  console.log(
    `Node ${process.version} on ${cpus().length} cores (${cpus()[0]?.model}), ${process.platform} ${release()}`,
  );
  console.log(`load before: ${loads()}\n`);
  const before = textAfter('--before', args);
  if (wants('operator')) console.log(`${await operator(numberAfter('--receipts', args, 1_000_000))}\n`);
  if (wants('events')) console.log(`${await events(numberAfter('--requests', args, 1500))}\n`);
  if (wants('quota')) console.log(`${await reservations()}\n`);
  if (wants('scale')) {
    console.log(`${await pausedBacklog(numberAfter('--paused', args, 100_000))}\n`);
    console.log(`${await sweepShare([100, 2000, 10_000], [50, 300])}\n`);
  }
  if (selected.length > 0 && selected.every(part => withoutBundle.includes(part))) return;
  if (isStale()) synthesise();
  const choice = args.includes('--own-client') ? 'own' : 'official';
  await withBenchHarness({ choice, before, peers }, async harness => {
    if (wants('bundle')) console.log(`${await bundleBytes(harness.assembly, harness.subjects)}\n`);
    if (wants('cold')) console.log(`${await coldStart(harness, numberAfter('--starts', args, 25))}\n`);
    if (wants('profile')) console.log(`${await profile(harness)}\n`);
    if (wants('once')) console.log(`${await atOnce(harness, numberAfter('--rounds', args, 3))}\n`);
    if (wants('warm')) {
      for (const table of await warm(harness, numberAfter('--requests', args, 1500))) console.log(`${table}\n`);
    }
  });
  console.log(`load after: ${loads()}`);
}

function numberAfter(option: string, args: readonly string[], otherwise: number): number {
  return Math.max(1, Math.trunc(Number(textAfter(option, args))) || otherwise);
}

function textAfter(option: string, args: readonly string[]): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

/** Returns the load averages of the last minute and the last five, which include this run. */
function loads(): string {
  return loadavg()
    .slice(0, 2)
    .map(load => load.toFixed(2))
    .join(', ');
}
