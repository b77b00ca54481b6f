/* A process of its own: one handler called many times. Prints what it took as one line of JSON. */
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { deleteRequest } from '../e2e/support/messages.ts';

/** Milliseconds of each call, CPU milliseconds of one on average, and resident memory in bytes after the first and last. */
export interface WarmMeasurement {
  readonly firstMs: number;
  readonly ms: readonly number[];
  readonly cpuMs: number;
  readonly rssFirst: number;
  readonly rssLast: number;
}

type Handler = (event: unknown, context: unknown) => Promise<unknown>;
const bundle = v.looseObject({ handler: v.custom<Handler>(value => typeof value === 'function') });
const executed = v.looseObject({ statusCode: v.literal(200) });

const [file = '', times = '0', unmeasured = '0'] = process.argv.slice(2);
const { handler } = v.parse(bundle, await import(pathToFileURL(file).href));

async function one(index: number): Promise<number> {
  const event = deleteRequest(`crm-${process.pid}-${index}`);
  const until = performance.now() + 15_000;
  const context = { getRemainingTimeInMillis: () => until - performance.now() };
  const began = performance.now();
  const result = await handler(event, context);
  const took = performance.now() - began;
  v.parse(executed, result);
  return took;
}

const firstMs = await one(0);
const rssFirst = process.memoryUsage.rss();
for (let index = 1; index < Number(unmeasured); index += 1) await one(index);
const ms: number[] = [];
const cpuBefore = process.cpuUsage();
for (let index = 0; index < Number(times); index += 1) ms.push(await one(index + Number(unmeasured)));
const { user, system } = process.cpuUsage(cpuBefore);
const cpuMs = (user + system) / 1000 / ms.length;
process.stderr.write(
  `${JSON.stringify({ firstMs, ms, cpuMs, rssFirst, rssLast: process.memoryUsage.rss() } satisfies WarmMeasurement)}\n`,
);
process.exit();
