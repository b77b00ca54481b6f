/* A process of its own: requests at once, to one instance of a bundle or to several. Prints one line of JSON. */
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { deleteRequest } from '../e2e/support/messages.ts';

/** The measured requests: seconds and CPU milliseconds of all, milliseconds of each, and how often each status came. */
export interface AtOnce {
  readonly seconds: number;
  readonly cpuMs: number;
  readonly ms: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
}

type Handler = (event: unknown, context: unknown) => Promise<unknown>;
const bundle = v.looseObject({ handler: v.custom<Handler>(value => typeof value === 'function') });
const answer = v.looseObject({ statusCode: v.number() });

const [file = '', ...numbers] = process.argv.slice(2);
const [instances = 1, inFlight = 1, each = 1, unmeasured = 0] = numbers.map(Number);

/**
 * The process lives in slow motion: by its own clock, everything around it is this many times faster. A time limit then says
 * something about the code and not about a busy machine; the measured times are real.
 */
const slowness = 20;
const [realNow, startedAt, realTimeout] = [Date.now, Date.now(), setTimeout];
Date.now = () => startedAt + (realNow() - startedAt) / slowness;
globalThis.setTimeout = Object.assign((run: () => void, ms = 0) => realTimeout(run, ms * slowness), realTimeout);

/**
 * Each query makes another instance of the module, with its own state and connections. They start one after the other: all
 * starts together in one process would exceed the time limits of the calls that read secrets.
 */
const handlers: Handler[] = [];
for (let index = 0; index < instances; index += 1) {
  handlers.push(v.parse(bundle, await import(`${pathToFileURL(file).href}?${index}`)).handler);
}
let sent = 0;

async function one(handler: Handler): Promise<{ readonly status: number; readonly ms: number }> {
  const began = performance.now();
  const context = { getRemainingTimeInMillis: () => 20_000 + (began - performance.now()) / slowness };
  sent += 1;
  // Lambda answers 502 for a handler that throws, as the bare one does if an idle connection was closed.
  const { statusCode } = v.parse(
    answer,
    await handler(deleteRequest(`crm-${process.pid}-${sent}`), context).catch(() => ({ statusCode: 502 })),
  );
  return { status: statusCode, ms: performance.now() - began };
}

async function run(times: number) {
  const inTurn = async (handler: Handler) => {
    const results: Awaited<ReturnType<typeof one>>[] = [];
    for (let index = 0; index < times; index += 1) results.push(await one(handler));
    return results;
  };
  const workers = handlers.flatMap(handler => Array.from({ length: inFlight }, () => inTurn(handler)));
  return (await Promise.all(workers)).flat();
}

/** Instances that have only started would first compile their code, all of them on the same processors. */
if (instances === 1) await run(unmeasured);
else for (const handler of handlers) for (let times = 0; times < unmeasured; times += 1) await one(handler);
const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
const results = await run(each);
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
const statuses: Record<string, number> = {};
for (const { status } of results) statuses[status] = (statuses[status] ?? 0) + 1;
const measured: AtOnce = { seconds, cpuMs: (user + system) / 1000, ms: results.map(({ ms }) => ms), statuses };
process.stderr.write(`${JSON.stringify(measured)}\n`);
process.exit();
