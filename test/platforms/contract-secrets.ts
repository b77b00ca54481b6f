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
    const house = await suite.house({ secrets: { [secret]: secretText(current, previous) } });
    await house.send(await suite.genuine(house, { id: 1 }, previous));
    await house.send(await suite.genuine(house, { id: 2 }, current));
    const labels = (await house.receipts()).map(receipt => receipt.authentication.secret);
    expect(labels).toEqual(['previous', 'current']);
  });

  test('is refused once it was rotated out', async () => {
    const house = await suite.house({ secrets: { [secret]: secretText(current, previous) } });
    house.secrets[secret] = secretText(current);
    const answer = await house.send(await suite.genuine(house, {}, previous));
    expect(answer.status).toBe(refusedWith);
    expect(await house.receipts()).toEqual([]);
  });

  const texts = [
    ...unusableSecrets.filter(({ why }) => !/ as the (current|previous) one$/.test(why)),
    ...weakValues.map(({ why, value }) => ({ why: `${why} as the current one`, text: secretText(value) })),
    ...weakValues.map(({ why, value }) => ({ why: `${why} as the previous one`, text: secretText(current, value) })),
  ];

  test.each(texts)('that is $why lets nobody in', async ({ text }) => {
    const house = await suite.house({ secrets: { [secret]: text } });
    await expectNobody(house, current);
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
    const house = await suite.house({ secrets: { [secret]: secretText(value) } });
    await expectNobody(house, value);
  });

  test('that is unavailable lets nobody in', async () => {
    const house = await suite.house();
    delete house.secrets[secret];
    await expectNobody(house, current);
  });

  async function expectNobody(house: Awaited<ReturnType<Suite['house']>>, knows: string): Promise<void> {
    // Not every platform's signer takes just any secret; then there is nobody to keep out.
    const wire = await suite.genuine(house, {}, knows).catch(() => undefined);
    if (wire === undefined) return;
    const answer = await house.send(wire);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expectRefusal(answer, 503);
    expect(house.alarms()).toEqual(['secret-unusable']);
    expect(await house.receipts()).toEqual([]);
    expect(house.sandbox.calls()).toEqual([]);
  }
}
