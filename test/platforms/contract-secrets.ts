import { expect, test } from 'vitest';
import { unusableSecret } from '../../lambda/authentication/shared-secret.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { unusableSecrets, weakValues } from '../support/unusable-secrets.ts';
import type { Suite } from './contract-case.ts';

export function secrets(suite: Suite): void {
  const { name, secretText, expectRefusal, refusedWith } = suite;
  const { current, previous } = suite.secrets;
  const secret = `erasure/platform/${name}`;

  test('may be the one before, as long as it is kept, and the receipt says so', async () => {
    const harness = await suite.harness({ secrets: { [secret]: secretText(current, previous) } });
    await harness.send(await suite.genuine(harness, { id: 1 }, previous));
    await harness.send(await suite.genuine(harness, { id: 2 }, current));
    const labels = (await harness.receipts()).map(receipt => receipt.authentication.secret);
    expect(labels).toEqual(['previous', 'current']);
  });

  test('is refused once it was rotated out', async () => {
    const harness = await suite.harness({ secrets: { [secret]: secretText(current, previous) } });
    harness.secrets[secret] = secretText(current);
    const answer = await harness.send(await suite.genuine(harness, {}, previous));
    expect(answer.status).toBe(refusedWith);
    expect(await harness.receipts()).toEqual([]);
  });

  const texts = [
    ...unusableSecrets.filter(({ why }) => !/ as the (current|previous) one$/.test(why)),
    ...weakValues.map(({ why, value }) => ({ why: `${why} as the current one`, text: secretText(value) })),
    ...weakValues.map(({ why, value }) => ({ why: `${why} as the previous one`, text: secretText(current, value) })),
  ];

  test.each(texts)('that is $why lets nobody in', async ({ text }) => {
    const harness = await suite.harness({ secrets: { [secret]: text } });
    await expectNobody(harness, current);
  });

  const check = (text: string) =>
    openPlatforms({ [name]: suite.section })
      .get(name)
      ?.checkSecret(text);

  test.each(texts)('that is $why is no secret to the check either', ({ text }) => {
    expect(() => check(text)).toThrow(unusableSecret());
  });

  test.each([
    ['alone', secretText(current)],
    ['beside the one before', secretText(current, previous)],
  ])('that is good %s passes the check', (_, text) => {
    expect(() => check(text)).not.toThrow();
  });

  const weakTexts = weakValues.flatMap(({ why, value }) => (typeof value === 'string' ? [{ why, value }] : []));

  test.each(weakTexts)('that is $why lets nobody in who knows it', async ({ value }) => {
    const harness = await suite.harness({ secrets: { [secret]: secretText(value) } });
    await expectNobody(harness, value);
  });

  test('that is unavailable lets nobody in', async () => {
    const harness = await suite.harness();
    delete harness.secrets[secret];
    await expectNobody(harness, current);
  });

  async function expectNobody(harness: Awaited<ReturnType<Suite['harness']>>, knows: string): Promise<void> {
    // Not every platform's signer takes just any secret; then there is nobody to keep out.
    const wire = await suite.genuine(harness, {}, knows).catch(() => undefined);
    if (wire === undefined) return;
    const answer = await harness.send(wire);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expectRefusal(answer, 503);
    expect(harness.alarms()).toEqual(['secret-unusable']);
    expect(await harness.receipts()).toEqual([]);
    expect(harness.sandbox.calls()).toEqual([]);
  }
}
