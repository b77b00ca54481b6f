import { tokenInterval } from '../../lambda/voucherify/rhythm.ts';
import { virtualClock } from './pace-clock.ts';
import { answered, minute, now } from './pace-heard.ts';
import { callWithin, startProcess, voucherifyAt } from './pace-processes.ts';
import { memoryRows } from './pace-rows.ts';

export const quota = { share: 0.5, limit: 100, periodMs: minute };
export const { intervalMs } = tokenInterval({}, quota);

/** A process over fresh control rows, a clock that stands, and a Voucherify that answers so. */
export function openedGates(answer: Parameters<typeof voucherifyAt>[1] = () => answered(200), of = quota) {
  const clock = virtualClock(now);
  const waits: number[] = [];
  const wait = (ms: number) => {
    waits.push(ms);
    return clock.wait(ms);
  };
  const rows = memoryRows();
  const { send, calls } = voucherifyAt(clock, answer);
  const world = { clock: { ...clock, wait }, rows, quota: of, send };
  return { clock, rows, calls, waits, world, process: startProcess(world), call: (ms = 7000) => callWithin(ms, clock) };
}
