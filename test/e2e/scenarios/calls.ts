import assert from 'node:assert/strict';
import type { Checks } from '../support/checks.ts';
import type { FunctionProcess } from '../support/function-process.ts';
import { deleteRequest, send, standingOf } from '../support/messages.ts';
import { beforeVoucherify, longestChain, type TimedCall, tally } from '../support/timeline.ts';
import type { World } from '../support/world.ts';
import { register } from './webhook.ts';

/** What the design allows on the request path. */
const mostCalls = 6;
const mostInARow = 2;

/** How much later every answer of AWS comes, so that calls made side by side overlap; Lambda's own are as far away. */
const latencyMs = 60;

/**
 * Counts what one erasure asks of AWS: in an instance that has just started, in one that has worked before, and in one
 * that another one has overtaken in the meantime.
 */
export async function calls(world: World, checks: Checks): Promise<void> {
  world.recorder.latencyMs = latencyMs;
  const before = world.timeline.now();
  const webhook = await world.start('webhook');
  const other = await world.start('webhook');
  await Promise.all([webhook.ready, other.ready]);
  await checks.step('the first erasure of an instance', () => oneErasure(world, webhook, 'crm-first', checks));
  checks.note(
    `secrets of two instances, read while they start: ${tally(world.timeline.since(before).filter(isSecret))}`,
  );
  await checks.step('the next erasure of an instance', () => oneErasure(world, webhook, 'crm-next', checks));
  await other.invoke(deleteRequest('crm-nobody'));
  await checks.step('an erasure after one in another instance', () =>
    oneErasure(world, webhook, 'crm-overtaken', checks),
  );
  await webhook.stop();
  await other.stop();
  world.recorder.latencyMs = 0;
}

async function oneErasure(world: World, webhook: FunctionProcess, sourceId: string, checks: Checks): Promise<void> {
  register(world, sourceId);
  const began = world.timeline.now();
  const answer = await send(webhook, deleteRequest(sourceId));
  assert.equal(standingOf(answer).reason, 'executed');
  const made = world.timeline.since(began);
  const aws = made.filter(call => call.to === 'aws' && !isSecret(call));
  const inARow = longestChain(beforeVoucherify(aws, made));
  checks.note(`AWS: ${aws.length} calls (${tally(aws)}), ${inARow} in a row before Voucherify`);
  checks.note(`Voucherify: ${tally(made.filter(({ to }) => to === 'voucherify'))}`);
  assert.ok(aws.length <= mostCalls, `${aws.length} calls of AWS on the request path, allowed are ${mostCalls}`);
  assert.ok(inARow <= mostInARow, `${inARow} calls of AWS in a row before Voucherify, allowed are ${mostInARow}`);
}

function isSecret({ operation }: TimedCall): boolean {
  return operation === 'GetSecretValue';
}
