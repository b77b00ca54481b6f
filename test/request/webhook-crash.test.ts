import { describe, expect, test } from 'vitest';
import { webhookHandler } from '../../lambda/webhook.ts';
import { crash } from '../support/crash.ts';
import { eventOf, invoke } from '../support/event.ts';
import { ketchHouse, ketchSecret, ketchWire } from '../support/ketch.ts';

describe('unexpected error', () => {
  const unforeseen = crash(`cannot read ${ketchSecret} of /ada@example.com:1:1`);

  test.each([
    ['an error', unforeseen],
    ['a text', String(unforeseen)],
    ['nothing', undefined],
  ])('%s: is a 500 without detail', async (_, thrown) => {
    const house = await ketchHouse({
      change: ({ store }) => ({ store: { ...store, accept: () => Promise.reject(thrown) } }),
    });
    const answer = await house.send(ketchWire());
    expect(answer).toMatchObject({
      status: 500,
      json: { kind: 'Error', error: { code: 500, message: 'internal error' } },
    });
    expect(answer.headers).not.toHaveProperty('retry-after');
    const [line] = house.logged();
    expect(line).toMatchObject({ event: 'refused', code: 'internal', alarm: 'internal', status: 500 });
    expect(line!.origin).toMatch(thrown === unforeseen ? /^crash\.ts:\d+:\d+$/ : /^unknown$/);
  });

  test('before authentication: the reply names no request', async () => {
    const house = await ketchHouse({ change: () => ({ readSecret: () => Promise.reject(unforeseen) }) });
    const answer = await house.send(ketchWire());
    expect(answer.status).toBe(500);
    expect(answer.json).not.toHaveProperty('metadata');
  });

  test('message with a fake position: does not change the logged origin', async () => {
    const imitation = crash('x\n    at f (/home/ada.example:1:1)\n    at /ada.example:2:2');
    const house = await ketchHouse({ change: () => ({ readSecret: () => Promise.reject(imitation) }) });
    await house.send(ketchWire());
    expect(house.logged()[0]!.origin).toMatch(/^crash\.ts:/);
  });
});

describe('time-out', () => {
  test('end of the function’s time: the reply is sent before it', async () => {
    let end = (): void => undefined;
    const never = new Promise<never>((_, reject) => {
      end = () => reject(new Error('too late'));
    });
    const house = await ketchHouse({ change: ({ store }) => ({ store: { ...store, accept: () => never } }) });
    const answer = await invoke(
      webhookHandler(() => house.services),
      eventOf(ketchWire()),
      510,
    );
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '60' },
      json: { kind: 'Error', error: { code: 503, message: 'out of time' } },
    });
    end();
  });
});
