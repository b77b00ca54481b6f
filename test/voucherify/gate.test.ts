import { describe, expect, it } from 'vitest';
import { line } from '../../lambda/voucherify/gate.ts';
import { rhythmOf } from '../../lambda/voucherify/rhythm.ts';
import { virtualClock } from '../support/pace-clock.ts';
import { answered, minute, now, second } from '../support/pace-heard.ts';
import { callWithin, startProcess, voucherifyAt } from '../support/pace-processes.ts';
import { memoryRows } from '../support/pace-rows.ts';

const quota = { share: 0.5, limit: 100, periodMs: minute };
const { intervalMs } = rhythmOf({}, quota);

function opened(answer: Parameters<typeof voucherifyAt>[1] = () => answered(200), of = quota) {
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

describe('a call', () => {
  it('goes out after its place is reserved, and never without', async () => {
    const { process, rows, calls, call } = opened();
    const gate = process.gate(true);
    expect(calls).toEqual([]);
    const one = call();
    expect(await gate.send(one)).toEqual(answered(200));
    expect(rows.calls).toEqual(['write']);
    expect(calls).toEqual([{ at: now, call: one }]);
    await gate.send(call());
    expect(rows.calls).toEqual(['write', 'write']);
  });

  it('is not made when nothing can be reserved', async () => {
    const { process, rows, calls, call } = opened();
    rows.rows.set('pace#main', { revision: 1, value: 'spoiled' });
    expect(await process.gate(true).send(call())).toEqual({ kind: 'held', until: now, code: 'pace-unavailable' });
    expect(calls).toEqual([]);
  });

  it('is learnt from, under the hash of its key', async () => {
    const { process, rows, call } = opened(() => answered(403));
    await process.gate(true).send(call());
    const row = JSON.stringify(rows.rows.get('pace#main'));
    expect(row).toMatch(/"keyHash":"[\w-]{22}"/u);
    expect(row).not.toMatch(/app-1|token-1/u);
  });

  it.each([
    ['another token', { 'X-App-Id': 'app-1', 'X-App-Token': 'token-2' }],
    ['another app id', { 'X-App-Id': 'app-2', 'X-App-Token': 'token-1' }],
    ['a bearer token', { Authorization: 'Bearer token-1' }],
  ])('under %s is made although the key is refused', async (_, headers) => {
    const { process, calls, call } = opened(({ headers: sent }) =>
      answered(sent['X-App-Token'] === 'token-1' ? 401 : 200),
    );
    await process.gate(true).send(call());
    expect(await process.gate(true).send(call())).toMatchObject({ kind: 'held', code: 'key-refused' });
    await process.gate(true).send({ ...call(), headers });
    expect(calls).toHaveLength(2);
  });

  it('tells failures of one receipt from those of many', async () => {
    const { process, calls, call, clock } = opened(() => answered(503));
    const send = (receipt: string) => clock.finish(process.gate(true, receipt).send(call()));
    for (let one = 0; one < 6; one += 1) await send('a');
    expect(calls).toHaveLength(6);
    await send('b');
    expect(await send('c')).toMatchObject({ kind: 'held', code: 'failures' });
    expect(calls).toHaveLength(7);
  });
});

describe('one reservation', () => {
  it('covers the calls that are expected, and the next ones get another', async () => {
    const { process, rows, call, clock } = opened();
    const gate = process.gate(true);
    const send = () => clock.finish(gate.send(call()));
    gate.expect(2);
    await send();
    gate.expect(4);
    for (let one = 0; one < 4; one += 1) await send();
    expect(rows.calls).toEqual(['write', 'write']);
    await send();
    expect(rows.calls).toEqual(['write', 'write', 'write']);
  });

  it('may be made before there is a call', async () => {
    const { process, rows, calls, call } = opened();
    const gate = process.gate(true);
    const { headers, until } = call();
    expect(await gate.admit(3, headers, until)).toBeUndefined();
    expect(calls).toEqual([]);
    gate.expect(3);
    for (let one = 0; one < 3; one += 1) await gate.send(call());
    expect(rows.calls).toEqual(['write']);
  });

  it('is of a burst at most', async () => {
    const { process, rows, call } = opened();
    const gate = process.gate(true);
    gate.expect(12);
    for (let one = 0; one < 5; one += 1) await gate.send(call());
    expect(rows.calls).toEqual(['write']);
  });

  it.each([
    [1, 2],
    [2, 2],
    [5, 4],
  ])('of the sweep is of half a burst at most: of %i calls with %i at once', async (expected, limit) => {
    const { process, rows, clock, call } = opened(() => answered(200), { ...quota, limit: limit * 20 });
    const gate = process.gate(false);
    gate.expect(expected);
    await clock.finish(gate.send(call(minute)));
    const most = Math.max(1, Math.floor(limit / 2));
    expect(rows.rows.get('pace#main')?.value).toEqual({
      notBefore: expect.closeTo(
        now + Math.min(most, expected) * rhythmOf({}, { ...quota, limit: limit * 20 }).intervalMs,
        2,
      ),
    });
  });

  it('lapses when its time is over: what is late gets a new place', async () => {
    const { process, rows, clock, call } = opened();
    const gate = process.gate(true);
    gate.expect(3);
    await gate.send(call());
    await clock.run(now + 2 * intervalMs);
    await gate.send(call());
    expect(rows.calls).toEqual(['write']);
    await clock.run(now + Math.ceil(3 * intervalMs));
    await gate.send(call());
    expect(rows.calls).toEqual(['write', 'write']);
  });
});

describe('a wait', () => {
  const full = async (open: ReturnType<typeof opened>) => {
    const gate = open.process.gate(true);
    gate.expect(5);
    await gate.send(open.call());
  };

  it('is as long as the pace says, and then the call goes out', async () => {
    const open = opened();
    await full(open);
    await open.clock.finish(open.process.gate(true).send(open.call()));
    expect(open.waits).toEqual([Math.ceil(intervalMs)]);
    expect(open.calls.at(-1)?.at).toBe(now + Math.ceil(intervalMs));
  });

  it('is never begun where the call would come too late to be answered', async () => {
    const open = opened();
    await full(open);
    const short = Math.floor(intervalMs) + 200;
    expect(await open.process.gate(true).send(open.call(short))).toMatchObject({ kind: 'held', code: 'paced' });
    expect(open.waits).toEqual([]);
    await open.clock.finish(open.process.gate(true).send(open.call(short + 1)));
    expect(open.waits).toHaveLength(1);
  });

  it.each([0, 199])('is not begun with %i ms to go, nor a call made', async ms => {
    const { process, rows, calls, call } = opened();
    const gate = process.gate(true);
    expect(await gate.send(call(ms))).toEqual({ kind: 'held', code: 'out-of-time' });
    expect(rows.calls).toEqual([]);
    expect(await gate.send(call(200))).toEqual(answered(200));
    expect(calls).toHaveLength(1);
  });

  it('of the sweep is in line, one at a time, and each gets its turn', async () => {
    const open = opened();
    const order: number[] = [];
    const all = Array.from({ length: 4 }, async (_, at) => {
      await open.process.gate(false).send(open.call(minute));
      order.push(at);
    });
    await open.clock.finish(Promise.all(all));
    expect(order).toEqual([0, 1, 2, 3]);
    expect(open.waits).toEqual([1, 1, 1].map(() => expect.closeTo(intervalMs, -1)));
    const turns = open.calls.map(({ at }) => Math.round((at - now) / intervalMs));
    expect(turns).toEqual([0, 1, 2, 3]);
  });

  it('of one of the sweep that comes to nothing does not keep the others in line', async () => {
    const open = opened();
    await full(open);
    const late = open.process.gate(false).send(open.call(second));
    const next = open.process.gate(false).send(open.call(minute));
    expect(await open.clock.finish(late)).toMatchObject({ kind: 'held', code: 'paced' });
    expect(await open.clock.finish(next)).toEqual(answered(200));
  });
});

describe('a call that was reserved before', () => {
  it('is not made once this process knows that the project is closed', async () => {
    const { process, calls, call } = opened(() => answered(429));
    const [one, other] = [process.gate(true), process.gate(true)];
    const { headers, until } = call();
    await one.admit(1, headers, until);
    await other.admit(1, headers, until);
    await one.send(call());
    expect(await other.send(call())).toEqual({ kind: 'held', until: now + minute, code: 'voucherify-429' });
    expect(calls).toHaveLength(1);
  });

  it('is not made either when it was closed while the call waited for its place', async () => {
    const { process, calls, call, clock } = opened(async () => {
      await clock.wait(100);
      return answered(429);
    });
    const waiting = process.gate(true);
    const gate = process.gate(true);
    gate.expect(5);
    const first = gate.send(call());
    const late = waiting.send(call());
    expect(await clock.finish(first)).toEqual(answered(429));
    expect(await clock.finish(late)).toMatchObject({ kind: 'held', code: 'voucherify-429' });
    expect(calls).toHaveLength(1);
  });

  it('is made when it is the probe, and what follows needs the project to be open', async () => {
    let status = 429;
    const { process, calls, call, clock } = opened(() => answered(status));
    await process.gate(true).send(call());
    await clock.run(now + minute);
    const gate = process.gate(true);
    gate.expect(2);
    expect(await gate.send(call())).toEqual(answered(429));
    expect(await gate.send(call())).toMatchObject({ kind: 'held', until: now + 3 * minute });
    expect(calls).toHaveLength(2);
    status = 200;
    await clock.run(now + 3 * minute);
    const again = process.gate(true);
    again.expect(2);
    await again.send(call());
    expect(await again.send(call())).toEqual(answered(200));
    expect(calls).toHaveLength(4);
  });
});

describe('a line', () => {
  it('works one after the other, and goes on after one that failed', async () => {
    const inLine = line();
    const { promise, resolve } = Promise.withResolvers<void>();
    const begun: string[] = [];
    const first = inLine(async () => {
      begun.push('first');
      await promise;
      begun.push('first fails');
      throw new Error('failed');
    });
    const second = inLine(async () => {
      begun.push('second');
      return 2;
    });
    resolve();
    await expect(first).rejects.toThrow('failed');
    expect(await second).toBe(2);
    expect(begun).toEqual(['first', 'first fails', 'second']);
  });
});
