import * as v from 'valibot';
import { TokenFailure } from '../../../lambda/authentication/access-token.ts';
import { failureOf } from '../../../lambda/domain/failure.ts';
import type { HttpResult } from '../../../lambda/io/http-client.ts';
import { createCallbackClient } from '../../../lambda/io/public-address.ts';
import { resolveSettings } from '../../../lambda/platforms/generic/schema.ts';
import { genericSettings } from '../../../lambda/platforms/generic/settings.ts';
import type { CallContext, OrderPull } from '../../../lambda/platforms/platform.ts';
import { failedPull, maxPageBytes } from '../../../lambda/sweep/pull-orders.ts';
import { onlyToLoopback } from '../../local/index.ts';
import type { OpsContext } from '../context.ts';
import { explainOrders } from '../explain.ts';
import { type Output, toned } from '../terminal.ts';

/** What asking a platform once gave. It contains no value of the response. */
export interface Asked {
  readonly what: 'ask';
  readonly url?: string;
  readonly status?: number | string;
  readonly fine: boolean;
  readonly says: string;
  readonly orders?: number;
  readonly erasures?: number;
  /** The rule and the places of the first orders, and why others cannot be read. */
  readonly read?: readonly string[];
}

/** Asks a platform for the first page of its orders, as the sweep does, and stores nothing. */
export async function askOnce(
  pull: OrderPull,
  section: unknown,
  secretText: string,
  { now, local }: Pick<OpsContext, 'now' | 'local'>,
): Promise<Asked> {
  const client = createCallbackClient(now);
  const send = local === undefined ? client : onlyToLoopback(client);
  const call = await buildCall(pull, { secret: async () => secretText, now, sendPublic: send });
  if (call instanceof TokenFailure) return { what: 'ask', fine: false, says: failureText(call.reason) };
  const until = now() + askLimitMs;
  const result = await send({ ...call, until, maxResponseBytes: maxPageBytes, repeatable: true });
  const url = `${call.method} ${call.url.origin}${call.url.pathname}`;
  const status = result.kind === 'response' ? result.status : result.code;
  return { what: 'ask', url, status, ...judgePage(pull, section, result) };
}

/** Time limit of the call, in milliseconds; longer than that of the sweep. */
const askLimitMs = 30_000;

async function buildCall(pull: OrderPull, context: CallContext) {
  try {
    return await pull.buildCall(context);
  } catch (thrown) {
    if (thrown instanceof TokenFailure) return thrown;
    throw thrown;
  }
}

function judgePage(pull: OrderPull, section: unknown, result: HttpResult): Omit<Asked, 'what'> {
  if (result.kind !== 'response' || result.status !== 200)
    return { fine: false, says: failureText(failedPull(result).code) };
  try {
    const { erase, unreadable, next } = pull.parsePage(result.body);
    const { count, lines } = readOrders(section, result.body);
    const more = next === undefined ? '' : ', and there are more pages';
    const bad = unreadable.length === 0 ? '' : `, ${unreadable.length} unreadable`;
    const says = `${count} order(s) on the first page${more}: ${erase.length} erasure(s)${bad}; nothing was stored`;
    const read = [...lines, ...new Set(unreadable.map(rule => `unreadable: ${rule}`))];
    return { fine: true, says, orders: count, erasures: erase.length, read };
  } catch (thrown) {
    if (failureOf(thrown).code === 'internal') throw thrown;
    return { fine: false, says: `${failureText('unreadable')} (${failureOf(thrown).message})` };
  }
}

/** The orders of a page are read at `pull.list`, also if the platform calls too. */
function readOrders(section: unknown, body: string) {
  const settings = resolveSettings(v.parse(genericSettings, section));
  const request = { method: 'GET', path: '', headers: new Map(), rawBody: Buffer.from(body) };
  return explainOrders({ ...settings, each: settings.pull?.list }, request);
}

function failureText(code: string): string {
  return `${code}: see platform-unreachable in RUNBOOK.md#platform-out-of-sync`;
}

/** Prints what was asked. */
export function printAsked({ url, status, fine, says, read = [] }: Asked, ms: number, output: Output): void {
  if (url !== undefined) output.print(`${url} with the platform's key: ${status} in ${ms} ms`);
  output.print(`  ${toned(fine ? 'good' : 'bad', fine ? '✓' : '✗')} ${says}`);
  for (const line of read) output.print(`  ${line}`);
}
