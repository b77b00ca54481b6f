import { expect, test } from 'vitest';
import { unusableSecret } from '../../lambda/authentication/shared-secret.ts';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { type Wire, withHeader } from '../support/event.ts';
import { forbidden } from '../support/forbidden-adapters.ts';
import type { Harness } from '../support/harness.ts';
import { callbackRequests } from '../support/requests.ts';
import { unusableSecrets, weakValues } from '../support/unusable-secrets.ts';
import type { Suite } from './contract-case.ts';

export function describeCredentials(suite: Suite): void {
  const { name, coversBody, headers, refusedWith, expectRefusal, secretText } = suite;
  const { current, previous, wrong } = suite.secrets;
  const secret = `erasure/platform/${name}`;
  const openPlatform = () => openPlatforms({ [name]: suite.section }).get(name)!;

  /** Sends every message, and asserts that each is rejected before anything is read or written. */
  async function expectRefused(messages: (genuine: Wire) => readonly Wire[], genuineSecret = current) {
    const store = forbidden<ReceiptStore>('store');
    const control = forbidden<VersionedStore>('control');
    const harness = suite.harness({ change: () => ({ store: store.port, control: control.port }) });
    for (const wire of messages(await suite.genuine(harness, { sourceId: 'crm-kqzvwxjy' }, genuineSecret))) {
      const answer = await harness.send(wire);
      expect(answer.status).toBe(refusedWith);
      expectRefusal(answer, refusedWith);
      expect(answer.text).not.toContain('kqzvwxjy');
    }
    const refused = { event: 'rejected', platform: name, status: refusedWith };
    for (const line of harness.lines) expect(line).toMatchObject(refused);
    expect([...store.calls, ...control.calls, ...harness.sandbox.calls(), ...harness.alarms()]).toEqual([]);
  }

  async function expectUnavailable(harness: Harness, knownSecret: string): Promise<void> {
    // Some platforms cannot sign with an arbitrary text; then there is nothing to reject.
    const wire = await suite.genuine(harness, {}, knownSecret).catch(() => undefined);
    if (wire === undefined) return;
    const answer = await harness.send(wire);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expectRefusal(answer, 503);
    expect(harness.alarms()).toEqual(['secret-unusable']);
    expect(await harness.receipts()).toEqual([]);
    expect(harness.sandbox.calls()).toEqual([]);
  }

  test('header names: are read in any letter case', async () => {
    for (const spelled of [(text: string) => text.toUpperCase(), (text: string) => text.toLowerCase()]) {
      const harness = suite.harness();
      const wire = await suite.genuine(harness);
      const renamed = Object.entries(wire.headers).map(([header, value]) => [spelled(header), value] as const);
      await harness.send({ ...wire, headers: Object.fromEntries(renamed) });
      expect(await harness.receipts()).toMatchObject([{ authentication: { secret: 'current' } }]);
    }
  });

  test.each(headers)('%s: is rejected if it is missing, doubled, longer, shorter or wrong in one character', header =>
    expectRefused(wire => {
      const value = credentialIn(wire, header);
      const oneOff = [...value].map((char, at) => `${value.slice(0, at)}${other(char)}${value.slice(at + 1)}`);
      const doubled = [[value, value], [value, ''], ['', value], `${value}, ${value}`, `${value},${value}`];
      const resized = [value.slice(1), value.slice(0, -1), `${value}x`, `x${value}`, `${value}=`, `${value}\u0000`];
      return ['', ' ', [], ...doubled, ...resized, ...oneOff].map(spoiled => withHeader(wire, header, spoiled));
    }),
  );

  if (coversBody)
    test('another body: is rejected', () =>
      expectRefused(wire => {
        const body = Buffer.from(wire.body);
        const step = Math.max(1, Math.floor(body.length / 40));
        const changed = Array.from({ length: Math.ceil(body.length / step) }, (_, index) =>
          body.map((byte, at) => (at === index * step ? byte ^ 1 : byte)),
        );
        return [...changed, `${body} `, ` ${body}`, `${body}\n`, '', '{}'].map(other => ({ ...wire, body: other }));
      }));

  test('wrong secret: is rejected before the body is parsed, and the reply repeats nothing', () =>
    expectRefused(wire => {
      const bodies = ['', '{', '\uFEFF{}', Buffer.from([0xff]), '['.repeat(60_000)];
      return [wire, ...bodies.map(body => ({ ...wire, body })), withHeader(wire, 'Content-Type', 'text/plain')];
    }, wrong));

  test('previous secret: is accepted until it is removed, and the receipt records which one matched', async () => {
    const harness = suite.harness({ secrets: { [secret]: secretText(current, previous) } });
    await harness.send(await suite.genuine(harness, { id: 1 }, previous));
    await harness.send(await suite.genuine(harness, { id: 2 }, current));
    harness.secrets[secret] = secretText(current);
    const { status } = await harness.send(await suite.genuine(harness, { id: 3 }, previous));
    expect(status).toBe(refusedWith);
    const labels = (await harness.receipts()).map(receipt => receipt.authentication.secret);
    expect(labels).toEqual(['previous', 'current']);
  });

  test.each([
    ...unusableSecrets.filter(({ why }) => !/ as the (current|previous) one$/.test(why)),
    ...Object.entries(suite.unusableSecrets ?? {}).map(([why, text]) => ({ why, text })),
    ...weakValues.map(({ why, value }) => ({ why: `${why} as the current one`, text: secretText(value), value })),
    ...weakValues.map(({ why, value }) => ({ why: `${why} as the previous one`, text: secretText(current, value) })),
  ])('secret that is $why: no request is accepted', async ({ text, value }: { text: string; value?: unknown }) => {
    expect(() => openPlatform().checkSecret(text)).toThrow(unusableSecret());
    for (const known of [current, value])
      if (typeof known === 'string') await expectUnavailable(suite.harness({ secrets: { [secret]: text } }), known);
  });

  test('usable secret: passes the check', () => {
    for (const text of [secretText(current), secretText(current, previous)]) openPlatform().checkSecret(text);
  });

  test('secret that cannot be read: no request is accepted', async () => {
    const harness = suite.harness();
    delete harness.secrets[secret];
    await expectUnavailable(harness, current);
  });

  test('callback: reads the secret only if the platform declares it', async () => {
    let reads = 0;
    const readSecret = async () => {
      reads += 1;
      return secretText(current);
    };
    const platform = openPlatform();
    const outcome = { kind: 'erased', at: 0, deletions: [] } as const;
    const callbacks = [{ url: 'https://example.com/callback', headers: {} }];
    const calls = await callbackRequests(platform, { outcome, callbacks }, readSecret);
    expect(reads > 0).toBe(platform.sweepNeedsSecret === true);
    if (platform.responseMode === 'acknowledgement') expect(calls).toEqual([]);
  });
}

function credentialIn(wire: Wire, name: string): string {
  const [, value] = Object.entries(wire.headers).find(([header]) => header.toLowerCase() === name.toLowerCase())!;
  return [value].flat().join();
}

/** Returns another character of the same kind. */
function other(char: string): string {
  if (/[0-8]/.test(char)) return String(Number(char) + 1);
  return char === 'x' ? 'y' : 'x';
}
