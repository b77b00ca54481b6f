import { broken } from '../support/bounds.ts';
import { calm } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { keyOf } from '../support/voucherify.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld } from '../support/world.ts';

export interface DeadKeyNumbers {
  readonly violations: readonly string[];
  readonly alarms: number;
  /** Calls of the busiest sliding minute while the key was dead, its first ten minutes left out. */
  readonly mostProbes: number;
  readonly probesAnHour: number;
  /** From the new version of the secret to the first good answer, in milliseconds. */
  readonly reopenedMs: number;
}

const minute = 60_000;
const hour = 60 * minute;

/** Deletes the key in Voucherify for six hours, then stores a new version of the secret. */
export async function runDeadKey(seed: number, requests: number): Promise<DeadKeyNumbers> {
  const world = openWorld({ seed, mix: calm, callsPerMinute: 600 });
  const { time, start, voucherify, secrets } = world;
  const town = townOf(world);
  const deliveries = Array.from({ length: requests }, (_, number) => {
    const at = (number * 8 * hour) / requests;
    const ask = newAskOf('source', number, start + at, town);
    world.truth.ask(ask);
    return [at, ask] as const;
  });
  const [dies, renewed] = [hour, 7 * hour];
  time.in(dies, () => voucherify.sandbox.revoke(keyOf('main').appId));
  time.in(renewed, () => {
    const fresh = { ...keyOf('main'), appToken: 'token-of-the-new-version' };
    voucherify.sandbox.addKey(fresh);
    secrets['erasure/voucherify/main'] = JSON.stringify({ appId: fresh.appId, appToken: fresh.appToken });
  });
  await live(world, { deliveries, oddSweeps: 0, longest: 30 * 24 * hour });
  await judge(world);
  world.close();
  const probes = voucherify.sent.filter(({ at }) => at > start + dies + 10 * minute && at < start + renewed);
  const good = voucherify.sent.find(({ at, status }) => at >= start + renewed && status < 300 && status > 0);
  const alarms = world.alarms.filter(({ alarm }) => alarm === 'voucherify-key-refused').length;
  const mostProbes = mostInWindow(probes, 'main', minute);
  const reopenedMs = (good?.at ?? time.now()) - start - renewed;
  const bounds = broken(['probes in a minute', mostProbes, 1], ['until it is opened', reopenedMs, 2 * minute]);
  return {
    violations: [...world.truth.violations, ...bounds, ...(alarms > 0 ? [] : ['nobody was told of the dead key'])],
    alarms,
    mostProbes,
    probesAnHour: probes.length / ((renewed - dies - 10 * minute) / hour),
    reopenedMs,
  };
}
