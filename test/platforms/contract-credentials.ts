import { expect, test } from 'vitest';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import type { Wire } from '../support/event.ts';
import { forbidden } from '../support/forbidden-adapters.ts';
import type { Harness, HarnessOptions } from '../support/harness.ts';
import type { Suite } from './contract-case.ts';

export function credentials(suite: Suite): void {
  const { coversBody, headers, refusedWith, expectRefusal } = suite;

  test('that are genuine are accepted in any letter case of the names', async () => {
    for (const spelled of [(text: string) => text.toUpperCase(), (text: string) => text.toLowerCase()]) {
      const harness = await suite.harness();
      const wire = await suite.genuine(harness);
      const renamed = Object.entries(wire.headers).map(([name, value]) => [spelled(name), value] as const);
      await harness.send({ ...wire, headers: Object.fromEntries(renamed) });
      expect(await harness.receipts()).toMatchObject([{ authentication: { secret: 'current' } }]);
    }
  });

  test.each(headers)('that lack %s, or have it twice, are refused', async name => {
    const { harness, untouched } = await guarded(suite);
    const wire = await suite.genuine(harness);
    const value = credentialIn(wire, name);
    for (const spoiled of [
      '',
      ' ',
      [],
      [value, value],
      [value, ''],
      ['', value],
      `${value}, ${value}`,
      `${value},${value}`,
    ]) {
      await expectRefused(harness, withHeader(wire, name, spoiled));
    }
    untouched();
  });

  test.each(headers)('that differ in one character of %s are refused, whichever it is', async name => {
    const { harness, untouched } = await guarded(suite);
    const wire = await suite.genuine(harness);
    const value = credentialIn(wire, name);
    for (let at = 0; at < value.length; at += 1) {
      await expectRefused(
        harness,
        withHeader(wire, name, `${value.slice(0, at)}${other(value[at]!)}${value.slice(at + 1)}`),
      );
    }
    untouched();
  });

  test.each(headers)('that are cut or grown in %s are refused', async name => {
    const { harness, untouched } = await guarded(suite);
    const wire = await suite.genuine(harness);
    const value = credentialIn(wire, name);
    for (const spoiled of [
      value.slice(1),
      value.slice(0, -1),
      `${value}x`,
      `x${value}`,
      `${value}=`,
      `${value}\u0000`,
    ]) {
      await expectRefused(harness, withHeader(wire, name, spoiled));
    }
    untouched();
  });

  test('of a stranger are refused, and nothing of the message is repeated', async () => {
    const { harness, untouched } = await guarded(suite);
    const wire = await suite.genuine(harness, { sourceId: 'crm-kqzvwxjy' }, suite.secrets.stranger);
    const answer = await expectRefused(harness, wire);
    expect(answer.text).not.toContain('kqzvwxjy');
    expect(harness.lines).toMatchObject([{ event: 'refused', platform: suite.name, status: refusedWith }]);
    untouched();
  });

  if (coversBody)
    test('of another body are refused', async () => {
      const { harness, untouched } = await guarded(suite);
      const wire = await suite.genuine(harness);
      const body = Buffer.from(wire.body);
      const step = Math.max(1, Math.floor(body.length / 40));
      for (let at = 0; at < body.length; at += step) {
        const changed = Buffer.from(body);
        changed[at] = changed[at]! ^ 1;
        await expectRefused(harness, { ...wire, body: changed });
      }
      for (const changed of [`${body} `, ` ${body}`, `${body}\n`, '', '{}'])
        await expectRefused(harness, { ...wire, body: changed });
      untouched();
    });

  test('are looked at before the method of reading: what is no request at all is refused the same', async () => {
    const { harness, untouched } = await guarded(suite);
    const wire = await suite.genuine(harness, {}, suite.secrets.stranger);
    for (const body of ['', '{', '\uFEFF{}', Buffer.from([0xff]), '['.repeat(60_000)])
      await expectRefused(harness, { ...wire, body });
    await expectRefused(harness, withHeader(wire, 'Content-Type', 'text/plain'));
    untouched();
  });

  async function expectRefused(harness: Harness, wire: Wire) {
    const answer = await harness.send(wire);
    expect(answer.status).toBe(refusedWith);
    expectRefusal(answer, refusedWith);
    return answer;
  }
}

/** A harness whose store must not be touched while callers are not proved genuine. */
async function guarded(suite: Suite, options: Partial<HarnessOptions> = {}) {
  const store = forbidden<ReceiptStore>('store');
  const control = forbidden<VersionedStore>('control');
  const harness = await suite.harness({ ...options, change: () => ({ store: store.port, control: control.port }) });
  const untouched = () => {
    expect([...store.calls, ...control.calls]).toEqual([]);
    expect(harness.sandbox.calls()).toEqual([]);
    expect(harness.alarms()).toEqual([]);
  };
  return { harness, untouched };
}

function withHeader(wire: Wire, name: string, value: string | readonly string[]): Wire {
  const others = Object.entries(wire.headers).filter(([one]) => one.toLowerCase() !== name.toLowerCase());
  return { ...wire, headers: { ...Object.fromEntries(others), [name]: value } };
}

function credentialIn(wire: Wire, name: string): string {
  const [, value] = Object.entries(wire.headers).find(([one]) => one.toLowerCase() === name.toLowerCase())!;
  return [value].flat().join();
}

/** Another character of the same kind. */
function other(char: string): string {
  if (/[0-8]/.test(char)) return String(Number(char) + 1);
  return char === 'x' ? 'y' : 'x';
}
