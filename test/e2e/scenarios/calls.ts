import assert from 'node:assert/strict';
import type { Checks } from '../support/checks.ts';
import type { FunctionProcess } from '../support/function-process.ts';
import type { Harness } from '../support/harness.ts';
import { deleteRequest, resultOf, send } from '../support/messages.ts';
import { beforeVoucherify, longestChain, type TimedCall, tally } from '../support/recorder.ts';
import { register } from './webhook.ts';

/** The design's limits for the request path. */
const maxCalls = 6;
const maxSequential = 2;

/** Delay of every AWS response in milliseconds, so that concurrent calls overlap. */
const latencyMs = 60;

/**
 * Counts the AWS calls of one erasure: the first and the second one of an instance, and one after another instance has
 * changed the shared rows.
 */
export async function calls(harness: Harness, checks: Checks): Promise<void> {
  harness.recorder.latencyMs = latencyMs;
  const before = harness.timeline.now();
  const webhook = await harness.start('webhook');
  const other = await harness.start('webhook');
  await Promise.all([webhook.ready, other.ready]);
  await checks.step('the first erasure of an instance', () => oneErasure(harness, webhook, 'crm-first', checks));
  checks.note(
    `secrets that two instances read while they start: ${tally(harness.timeline.since(before).filter(isSecret))}`,
  );
  await checks.step('the next erasure of an instance', () => oneErasure(harness, webhook, 'crm-next', checks));
  await other.invoke(deleteRequest('crm-unknown'));
  await checks.step('an erasure after one in another instance', () =>
    oneErasure(harness, webhook, 'crm-overtaken', checks),
  );
  await webhook.stop();
  await other.stop();
  harness.recorder.latencyMs = 0;
}

async function oneErasure(harness: Harness, webhook: FunctionProcess, sourceId: string, checks: Checks): Promise<void> {
  register(harness, sourceId);
  const began = harness.timeline.now();
  const reply = await send(webhook, deleteRequest(sourceId));
  assert.equal(resultOf(reply).reason, 'executed');
  const made = harness.timeline.since(began);
  const aws = made.filter(call => call.to === 'aws' && !isSecret(call));
  const sequential = longestChain(beforeVoucherify(aws, made));
  checks.note(`AWS: ${aws.length} calls (${tally(aws)}), ${sequential} sequential before Voucherify`);
  checks.note(`Voucherify: ${tally(made.filter(({ to }) => to === 'voucherify'))}`);
  assert.ok(aws.length <= maxCalls, `${aws.length} AWS calls on the request path; the maximum is ${maxCalls}`);
  assert.ok(
    sequential <= maxSequential,
    `${sequential} sequential AWS calls before Voucherify; the maximum is ${maxSequential}`,
  );
}

function isSecret({ operation }: TimedCall): boolean {
  return operation === 'GetSecretValue';
}
