import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { Checks } from '../support/checks.ts';
import type { FunctionProcess } from '../support/function-process.ts';
import type { Harness } from '../support/harness.ts';
import { deleteRequest, resultOf, send, tick } from '../support/messages.ts';
import type { HeldResponses } from '../support/recorder.ts';
import { register } from './webhook.ts';

/** Longer than the timeout of any AWS call. */
const freezeMs = 2300;
const latencyMs = 60;
/** The maximum wait for secrets plus a margin for a slow machine; Lambda allows ten seconds for a start. */
const maxStartMs = 8000;

type Which = 'webhook' | 'sweeper';
type FirstEvent = (instance: FunctionProcess) => Promise<void>;
/** Starts an instance, freezes it at a certain point, and holds back the responses to its reads from then on. */
type Start = (which: Which, harness: Harness) => Promise<readonly [FunctionProcess, HeldResponses]>;

const freezes: readonly (readonly [string, Start])[] = [
  ['as soon as it has started', freezeWhenReady],
  ['while it reads its secrets', freezeWhileReading],
];

/**
 * Lambda starts instances in advance and freezes them until the first event. That event must be handled like any other,
 * without an alarm, whenever the instance was frozen and whatever Secrets Manager did while it started.
 */
export async function frozen(harness: Harness, checks: Checks): Promise<void> {
  harness.recorder.latencyMs = latencyMs;
  for (const [when, start] of freezes) {
    await checks.step(`the webhook, frozen for ${freezeMs} ms ${when}: the request is completed, no alarm`, () =>
      handleWhenFrozen(
        harness,
        'webhook',
        start,
        sendsErasure(harness, `crm-frozen-${freezes.findIndex(([one]) => one === when)}`),
      ),
    );
    await checks.step(`the sweep, frozen for ${freezeMs} ms ${when}: it sweeps, no alarm`, () =>
      handleWhenFrozen(harness, 'sweeper', start, sweeps),
    );
  }
  await checks.step(
    'the webhook, whose connections are dead after a freeze: five requests are completed, no alarm',
    () => withDeadConnections(harness, 'webhook', index => sendsErasure(harness, `crm-dead-${index}`), checks),
  );
  await checks.step('the sweep, whose connections are dead after a freeze: it sweeps five times, no alarm', () =>
    withDeadConnections(harness, 'sweeper', () => sweeps, checks),
  );
  await checks.step(
    'the webhook, started while Secrets Manager does not respond: ready in time, and works after it recovers',
    () => withoutSecretsManager(harness, 'webhook', sendsErasure(harness, 'crm-hanging'), checks),
  );
  await checks.step(
    'the sweep, started while Secrets Manager does not respond: ready in time, and works after it recovers',
    () => withoutSecretsManager(harness, 'sweeper', sweeps, checks),
  );
  harness.recorder.latencyMs = 0;
}

/**
 * Freezes an instance before its first event, which waits until the instance continues. The responses to its reads arrive
 * after that, because nothing reaches a frozen instance on Lambda: timers that expired in the meantime fire first.
 */
async function handleWhenFrozen(harness: Harness, which: Which, start: Start, firstEvent: FirstEvent): Promise<void> {
  const [instance, held] = await start(which, harness);
  const handled = Promise.allSettled([firstEvent(instance)]);
  await setTimeout(freezeMs);
  instance.thaw();
  await setTimeout(latencyMs);
  held.release();
  const [result] = await handled;
  const log = await instance.stop();
  if (result.status === 'rejected') throw new Error(`${result.reason}\n${log}`);
  assertNoAlarm(log);
}

async function freezeWhenReady(
  which: Which,
  { start, recorder }: Harness,
): Promise<readonly [FunctionProcess, HeldResponses]> {
  const instance = await start(which);
  await instance.ready;
  instance.freeze();
  return [instance, recorder.hold('GetSecretValue')];
}

async function freezeWhileReading(
  which: Which,
  { start, recorder }: Harness,
): Promise<readonly [FunctionProcess, HeldResponses]> {
  const held = recorder.hold('GetSecretValue');
  const instance = await start(which);
  await held.begun;
  instance.freeze();
  return [instance, held];
}

function sendsErasure(harness: Harness, sourceId: string): FirstEvent {
  register(harness, sourceId);
  return async instance => {
    const reply = await send(instance, deleteRequest(sourceId));
    assert.equal(reply.status, 200);
    assert.equal(resultOf(reply).reason, 'executed');
  };
}

async function sweeps(instance: FunctionProcess): Promise<void> {
  await instance.invoke(tick);
}

/** Freezes an instance between two events. When it continues, each of its connections to AWS is reset once it is used. */
async function withDeadConnections(
  { start, recorder }: Harness,
  which: Which,
  eventOf: (index: number) => FirstEvent,
  checks: Checks,
): Promise<void> {
  const instance = await start(which);
  const [result] = await Promise.allSettled([handleAfterReset()]);
  const log = await instance.stop();
  if (result.status === 'rejected') throw new Error(`${result.reason}\n${log}`);
  assertNoAlarm(log);

  async function handleAfterReset(): Promise<void> {
    await eventOf(0)(instance);
    instance.freeze();
    const count = recorder.forgetConnections();
    instance.thaw();
    checks.note(`${count} idle connections`);
    assert.ok(count > 1, 'no idle connections');
    for (let index = 1; index <= 5; index += 1) await eventOf(index)(instance);
  }
}

async function withoutSecretsManager(
  harness: Harness,
  which: Which,
  firstEvent: FirstEvent,
  checks: Checks,
): Promise<void> {
  const held = harness.recorder.hold('GetSecretValue');
  const instance = await harness.start(which);
  await held.begun;
  const began = performance.now();
  await instance.ready;
  const startedMs = Math.round(performance.now() - began);
  held.release();
  checks.note(`ready ${startedMs} ms after its first read`);
  await firstEvent(instance);
  assertNoAlarm(await instance.stop());
  assert.ok(startedMs < maxStartMs, `the start took ${startedMs} ms`);
}

function assertNoAlarm(log: string): void {
  assert.ok(!log.includes('"alarm"'), log);
}
