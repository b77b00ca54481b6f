import { describe, expect, it } from 'vitest';
import { intervalMs, openedGates as opened } from '../support/pace-clock.ts';
import { answered, minute, now, second } from '../support/pace-heard.ts';

describe('a wait', () => {
  const full = async (open: ReturnType<typeof opened>) => {
    const gate = open.process.gate(true);
    gate.expectCalls({ calls: 5 });
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
    expect(await open.process.gate(true).send(open.call(short))).toMatchObject({ kind: 'held', code: 'rate-limited' });
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
    expect(await open.clock.finish(late)).toMatchObject({ kind: 'held', code: 'rate-limited' });
    expect(await open.clock.finish(next)).toEqual(answered(200));
  });
});

describe('a call that was reserved before', () => {
  it('is not made once this process knows that the project is closed', async () => {
    const { process, calls, call } = opened(() => answered(429));
    const [one, other] = [process.gate(true), process.gate(true)];
    const { headers, until } = call();
    await one.reserve(1, headers, until);
    await other.reserve(1, headers, until);
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
    gate.expectCalls({ calls: 5 });
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
    gate.expectCalls({ calls: 2 });
    expect(await gate.send(call())).toEqual(answered(429));
    expect(await gate.send(call())).toMatchObject({ kind: 'held', until: now + 3 * minute });
    expect(calls).toHaveLength(2);
    status = 200;
    await clock.run(now + 3 * minute);
    const again = process.gate(true);
    again.expectCalls({ calls: 2 });
    await again.send(call());
    expect(await again.send(call())).toEqual(answered(200));
    expect(calls).toHaveLength(4);
  });
});
