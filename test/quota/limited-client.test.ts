import { describe, expect, it } from 'vitest';
import { serialQueue } from '../../lambda/quota/limited-client.ts';
import { tokenInterval } from '../../lambda/quota/rate-limit.ts';
import { intervalMs, openedGates as opened, quota } from '../support/pace-clock.ts';
import { answered, minute, now } from '../support/pace-heard.ts';

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
    rows.rows.set('rate-limit#main', { revision: 1, value: 'spoiled' });
    expect(await process.gate(true).send(call())).toEqual({ kind: 'held', until: now, code: 'rate-limit-unavailable' });
    expect(calls).toEqual([]);
  });

  it('is learnt from, under the hash of its key', async () => {
    const { process, rows, call } = opened(() => answered(403));
    await process.gate(true).send(call());
    const row = JSON.stringify(rows.rows.get('rate-limit#main'));
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
    gate.expectCalls({ calls: 2 });
    await send();
    gate.expectCalls({ calls: 4 });
    for (let one = 0; one < 4; one += 1) await send();
    expect(rows.calls).toEqual(['write', 'write']);
    await send();
    expect(rows.calls).toEqual(['write', 'write', 'write']);
  });

  it('may be made before there is a call', async () => {
    const { process, rows, calls, call } = opened();
    const gate = process.gate(true);
    const { headers, until } = call();
    expect(await gate.reserve(3, headers, until)).toBeUndefined();
    expect(calls).toEqual([]);
    gate.expectCalls({ calls: 3 });
    for (let one = 0; one < 3; one += 1) await gate.send(call());
    expect(rows.calls).toEqual(['write']);
  });

  it('is of a burst at most', async () => {
    const { process, rows, call } = opened();
    const gate = process.gate(true);
    gate.expectCalls({ calls: 12 });
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
    gate.expectCalls({ calls: expected });
    await clock.finish(gate.send(call(minute)));
    const most = Math.max(1, Math.floor(limit / 2));
    expect(rows.rows.get('rate-limit#main')?.value).toEqual({
      notBefore: expect.closeTo(
        now + Math.min(most, expected) * tokenInterval({}, { ...quota, limit: limit * 20 }).intervalMs,
        2,
      ),
    });
  });

  it('lapses when its time is over: what is late gets a new place', async () => {
    const { process, rows, clock, call } = opened();
    const gate = process.gate(true);
    gate.expectCalls({ calls: 3 });
    await gate.send(call());
    await clock.run(now + 2 * intervalMs);
    await gate.send(call());
    expect(rows.calls).toEqual(['write']);
    await clock.run(now + Math.ceil(3 * intervalMs));
    await gate.send(call());
    expect(rows.calls).toEqual(['write', 'write']);
  });
});

describe('calls in pairs', () => {
  const tiny = { ...quota, limit: 10, periodMs: 60 * minute };

  it('are a GET and a POST that are reserved together, however slow the quota is', async () => {
    const { process, rows, clock, calls, call } = opened(() => answered(200), tiny);
    const gate = process.gate(false);
    gate.expectCalls({ calls: 4, inPairs: true });
    expect(await clock.finish(gate.send(call(minute)))).toEqual(answered(200));
    expect(await clock.finish(gate.send({ ...call(minute), method: 'POST' }))).toEqual(answered(200));
    expect(rows.calls).toEqual(['write']);
    expect(await gate.send(call(minute))).toMatchObject({ kind: 'held', code: 'rate-limited' });
    expect(calls).toHaveLength(2);
  });

  it('never begin where only the GET has its place', async () => {
    const { process, clock, calls, call } = opened(() => answered(200), tiny);
    const gate = process.gate(false);
    await clock.finish(gate.send(call(minute)));
    gate.expectCalls({ calls: 2, inPairs: true });
    expect(await gate.send(call(minute))).toMatchObject({ kind: 'held', code: 'rate-limited' });
    expect(calls).toHaveLength(1);
  });

  it('let the probe of a closed project out alone', async () => {
    let status = 429;
    const { process, clock, calls, call } = opened(() => answered(status), tiny);
    await process.gate(true).send(call());
    await clock.run(now + 61 * minute);
    status = 200;
    const gate = process.gate(false);
    const { headers, until } = call(minute);
    gate.expectCalls({ calls: 2, inPairs: true });
    expect(await gate.reserve(2, headers, until)).toBeUndefined();
    expect(await gate.send(call(minute))).toEqual(answered(200));
    expect(calls).toHaveLength(2);
  });
});

describe('a line', () => {
  it('works one after the other, and goes on after one that failed', async () => {
    const inLine = serialQueue();
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
