import { expect, test } from 'vitest';
import { maxBodyBytes } from '../../lambda/aws/api-gateway.ts';
import { maxJsonDepth } from '../../lambda/io/json.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import type { Wire } from '../support/event.ts';
import { forbidden } from '../support/forbidden-adapters.ts';
import { ada, type Suite } from './contract-case.ts';

export function bodies(suite: Suite): void {
  const { expectRefusal, message, sign } = suite;
  const plain = message({ id: 1, sourceId: ada.sourceId });
  const text = Buffer.from(plain.body).toString('utf8');
  const grown = (member: string) => text.replace('{', `{${member},`);
  const notUtf8 = Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from(`",${text.slice(1)}`)]);

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', text.slice(0, -1)],
    ['two JSONs', `${text}${text}`],
    ['JSON behind a byte order mark', `\uFEFF${text}`],
    ['JSON in UTF-16', Buffer.from(text, 'utf16le')],
    ['bytes that are not UTF-8', notUtf8],
    ['a key that stands twice', grown('"twice":1,"twice":1')],
    ['a key that stands twice, once escaped', grown('"twice":1,"\\u0074wice":1')],
    ['too deep a nest', grown(`"deep":${'['.repeat(maxJsonDepth)}${']'.repeat(maxJsonDepth)}`)],
    ['null', 'null'],
    ['a number', '5'],
  ])('that hold %s are refused', async (_, body) => {
    await expectRefused({ ...plain, body }, 400);
  });

  test('with fields that nobody knows are read all the same', async () => {
    const harness = await suite.harness();
    const extra = { unknownField: { nested: [1, 'two', null] }, another: 'x' };
    await harness.send(await suite.genuine(harness, { extra }));
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state: 'erased' }]);
  });

  test('up to 1 MiB are read, and one byte more is refused before anything else, with an alarm', async () => {
    const most = maxBodyBytes;
    const padded = (length: number) => text.replace('{', `{"pad":"${'x'.repeat(length - text.length - 9)}",`);
    const harness = await suite.harness();
    const fits = await sign({ ...plain, body: padded(most) }, suite.secrets.current, harness.clock.now);
    expect(Buffer.from(fits.body)).toHaveLength(most);
    await harness.send(fits);
    expect(await harness.receipts()).toHaveLength(1);
    await expectRefused({ ...plain, body: padded(most + 1) }, 413);
    await expectRefused({ ...plain, body: padded(most + 1) }, 413, suite.secrets.stranger);
  });

  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    '',
    'application/jsonp',
    ['application/json', 'application/json'],
  ];

  if (suite.anyContentType !== true)
    test.each(types)('of the type %j are refused', async type => {
      const others = Object.entries(plain.headers).filter(([name]) => name.toLowerCase() !== 'content-type');
      await expectRefused({ ...plain, headers: { ...Object.fromEntries(others), 'Content-Type': type } }, 415);
    });

  test.each(['PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'post'])('sent with %s are refused', async method => {
    const answer = await expectRefused({ ...plain, method }, 405);
    expect(answer.headers['allow']?.split(/, */)).toContain('POST');
  });

  async function expectRefused(wire: Wire, status: number, secret = suite.secrets.current) {
    const store = forbidden<ReceiptStore>('store');
    const harness = await suite.harness({ change: () => ({ store: store.port }) });
    const answer = await harness.send(await sign(wire, secret, harness.clock.now));
    expect(answer.status).toBe(status);
    expectRefusal(answer, status);
    expect(store.calls).toEqual([]);
    expect(harness.sandbox.calls()).toEqual([]);
    // The method is checked before the caller is authenticated.
    expect(harness.alarms()).toEqual(status === 405 ? [] : ['request-refused']);
    return answer;
  }
}
