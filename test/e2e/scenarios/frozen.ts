import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { Checks } from '../support/checks.ts';
import type { FunctionProcess } from '../support/function-process.ts';
import { deleteRequest, send, standingOf, tick } from '../support/messages.ts';
import type { Held } from '../support/recorder.ts';
import type { World } from '../support/world.ts';
import { register } from './webhook.ts';

/** Longer than any time limit of a call of AWS. */
const freezeMs = 2300;
const latencyMs = 60;
/** What the start may wait for secrets, and a margin for a slow machine: below Lambda's ten seconds for a start. */
const longestStartMs = 8000;

type Which = 'webhook' | 'sweeper';
type FirstEvent = (instance: FunctionProcess) => Promise<void>;
/** Starts an instance, waits until it is where it is frozen, and holds the answers to its reads from then on. */
type Start = (which: Which, world: World) => Promise<readonly [FunctionProcess, Held]>;

const freezes: readonly (readonly [string, Start])[] = [
  ['as soon as it has started', started],
  ['while it reads its secrets', reading],
];

/**
 * Lambda starts instances ahead of requests and freezes them in between. The first event must be handled as any other,
 * without an alarm, wherever the freeze falls and whatever Secrets Manager did while the instance started.
 */
export async function frozen(world: World, checks: Checks): Promise<void> {
  world.recorder.latencyMs = latencyMs;
  for (const [when, start] of freezes) {
    await checks.step(`the webhook, frozen for ${freezeMs} ms ${when}: the request is answered, no alarm`, () =>
      inFrozen(world, 'webhook', start, erased(world, `crm-frozen-${freezes.findIndex(([one]) => one === when)}`)),
    );
    await checks.step(`the sweep, frozen for ${freezeMs} ms ${when}: it sweeps, no alarm`, () =>
      inFrozen(world, 'sweeper', start, swept),
    );
  }
  await checks.step('the webhook, started while Secrets Manager hangs: ready in time, and works once it is back', () =>
    withoutSecretsManager(world, 'webhook', erased(world, 'crm-hanging'), checks),
  );
  await checks.step('the sweep, started while Secrets Manager hangs: ready in time, and works once it is back', () =>
    withoutSecretsManager(world, 'sweeper', swept, checks),
  );
  world.recorder.latencyMs = 0;
}

/**
 * Freezes an instance before its first event, which waits until it goes on. The answers to its reads come after that, as
 * nothing reaches an instance on Lambda while it is frozen: timers that expired meanwhile fire first.
 */
async function inFrozen(world: World, which: Which, start: Start, firstEvent: FirstEvent): Promise<void> {
  const [instance, held] = await start(which, world);
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

async function started(which: Which, { start, recorder }: World): Promise<readonly [FunctionProcess, Held]> {
  const instance = await start(which);
  await instance.ready;
  instance.freeze();
  return [instance, recorder.hold('GetSecretValue')];
}

async function reading(which: Which, { start, recorder }: World): Promise<readonly [FunctionProcess, Held]> {
  const held = recorder.hold('GetSecretValue');
  const instance = await start(which);
  await held.begun;
  instance.freeze();
  return [instance, held];
}

function erased(world: World, sourceId: string): FirstEvent {
  register(world, sourceId);
  return async instance => {
    const answer = await send(instance, deleteRequest(sourceId));
    assert.equal(answer.status, 200);
    assert.equal(standingOf(answer).reason, 'executed');
  };
}

async function swept(instance: FunctionProcess): Promise<void> {
  await instance.invoke(tick);
}

async function withoutSecretsManager(
  world: World,
  which: Which,
  firstEvent: FirstEvent,
  checks: Checks,
): Promise<void> {
  const held = world.recorder.hold('GetSecretValue');
  const instance = await world.start(which);
  await held.begun;
  const began = performance.now();
  await instance.ready;
  const startedMs = Math.round(performance.now() - began);
  held.release();
  checks.note(`ready ${startedMs} ms after it began to read`);
  await firstEvent(instance);
  assertNoAlarm(await instance.stop());
  assert.ok(startedMs < longestStartMs, `the start took ${startedMs} ms`);
}

function assertNoAlarm(log: string): void {
  assert.ok(!log.includes('"alarm"'), log);
}
