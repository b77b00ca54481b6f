import type { Outage } from '../../../infra/local/sandbox/sandbox.ts';
import { type PauseScope, pause, resume } from '../../../lambda/control/pauses.ts';
import { keyOf } from './voucherify.ts';
import type { World } from './world.ts';

const minute = 60_000;
const outages: readonly [Outage, ...Outage[]] = ['error', 'down', 'hang'];

/** Voucherify is out of order in one of three ways; when it comes back, the alarm by age must have stood. */
export function outage(world: World, begins: number, lasts: number): void {
  const { time, random, voucherify } = world;
  const mode = random.pick(outages);
  if (lasts === 0) return;
  time.in(begins, () => voucherify.sandbox.outage(mode));
  time.in(begins + lasts, () => {
    voucherify.sandbox.outage(undefined);
    judgeAlarm(world);
  });
}

/** How far the age of the oldest open receipt may be off in what the sweeps of an hour report, in milliseconds. */
const roughly = 90 * minute;

function judgeAlarm({ time, watch, reported, truth }: World): void {
  const now = time.now();
  const open = [...watch.receipts.values()].filter(({ state }) => state === 'open');
  const oldest = Math.max(0, ...open.map(({ receivedAt }) => now - receivedAt));
  const ofLastHour = reported.filter(({ at }) => at > now - 60 * minute).map(({ oldestOpenMs }) => oldestOpenMs);
  const told = Math.max(0, ...ofLastHour);
  if (told < oldest - roughly) truth.violated(`silent: ${told} ms old at most, say the sweeps, and it is ${oldest}`);
}

/** Keys get another token, now and then; the new version of the secret comes at once or some minutes later. */
export function rotations({ time, random, voucherify, secrets, outside }: World, within: number): void {
  for (const project of Object.keys(outside.settings.projects)) {
    for (let at = within / 5; at < within; at += within / 5) {
      time.in(at, () => {
        const { appId } = keyOf(project);
        const appToken = random.letters();
        voucherify.sandbox.addKey({ project, appId, appToken });
        time.in(random.pick([0, minute, 5 * minute]), () => {
          secrets[`erasure/voucherify/${project}`] = JSON.stringify({ appId, appToken });
        });
      });
    }
  }
}

/** From when on nothing may be deleted, and until when. */
interface Held {
  readonly scope: PauseScope;
  readonly from: number;
  until: number;
}

/** Longest that an attempt goes on that had begun before a pause, in milliseconds, with the clocks that are off. */
const attemptMs = 70_000;

/** Pauses and resumes from time to time; returns the duration of each pause. */
export function pauses(world: World, within: number): readonly Held[] {
  const { time, random, stores, outside } = world;
  const project: PauseScope = `project:${Object.keys(outside.settings.projects)[0]}`;
  const all: Held[] = [];
  const why = () => ({ actor: 'on-call', reason: 'chaos', at: time.now() });
  for (let at = within / 7; at < within; at += within / 7) {
    time.in(at, async () => {
      const scope = random.pick<PauseScope>(['all', 'platform:ketch', project]);
      if (!(await pause(scope, why(), stores.control))) return;
      const held: Held = { scope, from: time.now() + attemptMs, until: Number.POSITIVE_INFINITY };
      all.push(held);
      time.in(random.between(3 * minute, 20 * minute), () => {
        held.until = time.now();
        void resume(scope, why(), stores.control);
      });
    });
  }
  return all;
}

/** A pause of a project holds whatever is routed there; here that is everything. */
export function judgePauses({ voucherify, truth }: World, all: readonly Held[]): void {
  for (const { customerId, at } of voucherify.sandbox.deletions()) {
    const held = all.find(({ from, until }) => at > from && at < until);
    if (held === undefined || truth.wasRemovedByOthers(customerId)) continue;
    truth.violated(`${customerId} was deleted although ${held.scope} was paused`, truth.asksFor(customerId)[0]?.uid);
  }
}
