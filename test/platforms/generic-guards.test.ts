import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { holds } from '../support/fuzz.ts';
import { spoiled } from '../support/settings.ts';

const hmac = { kind: 'hmac', header: 'X-Sig', signs: '{body}', encoding: 'hex' };
const timestamp = { from: 'header:X-Time', unit: 's', toleranceSeconds: 300 };
const section = {
  type: 'generic',
  authentication: { kind: 'header' },
  rules: [{ when: { '/kind': 'delete' }, do: 'erase' }],
  reference: '/id',
  identifiers: { '/person/mail': 'email' },
  callbackOrigins: ['https://api.example.com'],
};
const result = '{reference}, {receipt}, {outcome}, {final}, {count}, {received}, {expected}, {completed}';
const inAnswer = `may contain only {/pointer}, {header:Name}, {base64Body}, ${result}; {{ is a literal brace`;
const call = { url: 'https://api.example.com/items/{/item}' };

function problems(change: object): readonly string[] {
  return spoiled(settings => Object.assign(settings['platforms'], { acme: { ...section, ...change } }));
}

const authentications = (...changes: readonly object[]) =>
  changes.map(change => ({ authentication: { ...hmac, ...change } }));
const callbackUrls = (...urls: readonly string[]) => urls.map(url => ({ callback: { url } }));
const erasedWith = (body: unknown, status = 200) => ({ erased: { status, body } });

/** Each problem, with the settings that have it. */
type Refusals = readonly (readonly [problem: string, ...changes: (object | undefined)[]])[];
const rowsOf = (refusals: Refusals) =>
  refusals.flatMap(([problem, ...changes]) => changes.map(change => [problem, change!] as const));

describe('settings of a generic platform', () => {
  const withTime = { separator: ',', signs: '{timestamp}{body}' };
  const refusals: Refusals = [
    [
      'authentication.value: must contain {signature} once; with separator also {timestamp} once, in a part that begins differently',
      ...authentications(
        { value: 'v1=' },
        { value: '{signature}{signature}' },
        { value: 't={timestamp},v1={signature}' },
      ),
      ...authentications(
        { ...withTime, value: 't={timestamp},v1={signature}, ' },
        { ...withTime, value: 'v1={signature},{timestamp}' },
        { ...withTime, value: 't{timestamp},t1={signature}' },
        { ...withTime, value: 't={timestamp},v1={signature},v2={signature}' },
        { ...withTime, value: 't={timestamp},u={timestamp},v1={signature}' },
        { ...withTime, value: 't={timestamp}' },
        { ...withTime, value: 'v1,{signature}' },
        { ...withTime, value: 't={timestamp}{signature}' },
        { ...withTime, value: 't1={timestamp},t{signature}' },
        { ...withTime, value: 'v1={' },
        { ...withTime, value: 'v1={signature},x={/id}' },
      ),
    ],
    [
      'authentication.signs: may contain only {body}, {method}, {url}, {header:Name}, and {timestamp} if value has it',
      ...authentications({ signs: '{body}{/id}' }, { signs: '{body}{timestamp}' }, { signs: 'a literal text' }),
    ],
    [
      'authentication.signs: must contain the time of timestamp',
      ...authentications({ timestamp }, { timestamp: { ...timestamp, from: 'value' } }),
    ],
    [
      'authentication: signs must contain {body}, unless there is also header, basic or jwt',
      ...authentications({ signs: '{header:X-Id}' }),
    ],
    ['test: must not be a header that signs does not contain', { authentication: hmac, test: 'header:X-Test' }],
    [
      'submittedAt: must not be a header that signs does not contain',
      { authentication: hmac, submittedAt: 'header:X-Time' },
      { authentication: hmac, submittedAt: { at: 'header:X-Time', unit: 's' } },
    ],
    ['dueAt: must not be a header that signs does not contain', { authentication: hmac, dueAt: 'header:X-Due' }],
    [
      'callback: must not be a header that signs does not contain',
      { authentication: hmac, callback: { urls: 'header:X-Back' } },
    ],
    ['reference: must not be a header that signs does not contain', { authentication: hmac, reference: 'header:X-Id' }],
    [
      'rules: must not be a header that signs does not contain',
      { authentication: [hmac, { kind: 'header' }], rules: [{ when: { 'header:X-Topic': 'x' }, do: 'erase' }] },
    ],
    [
      'identifiers: must not be a header that signs does not contain',
      { authentication: { kind: 'standard-webhooks' }, identifiers: { 'header:X-Mail': 'email' } },
    ],
    ['identifiers: must be Object', { identifiers: null }, { identifiers: 'email' }, { identifiers: 7 }],
    ['reference: must not be the place of an identifier: list it to hash it', { reference: '/person/mail' }],
    [
      'dueAt: zone must be a time zone such as Europe/Berlin or +01:00, and only together with local',
      { dueAt: { at: '/due', unit: 'local' } },
      { dueAt: { at: '/due', unit: 'local', zone: 'Mars' } },
      { dueAt: { at: '/due', unit: 's', zone: 'UTC' } },
    ],
    [`answers.erased.body: ${inAnswer}`, { answers: erasedWith({ a: '{secret:x}' }) }, { answers: erasedWith(['{']) }],
    ['answers.erased: must have no body with 204', { answers: erasedWith({}, 204) }],
    [
      `statusAnswers.erased.body: may contain only ${result}; {{ is a literal brace`,
      { statusAnswers: erasedWith('{/id}') },
    ],
    [
      'statusAnswers: needs signs with {url}, or another authentication: there is no status route',
      { authentication: hmac, statusAnswers: {} },
    ],
    [
      'withdrawAnswers: needs signs with {method} and {url}, or header, basic or jwt, or a rule with "do": "withdraw": nothing is withdrawn',
      { authentication: hmac, withdrawAnswers: {} },
    ],
    [
      `withdrawAnswers.refused.body: may contain only ${result}; {{ is a literal brace`,
      { withdrawAnswers: { refused: { status: 200, body: '{/id}' } } },
    ],
    ['callback: must have either url or urls', { callback: {} }, { callback: { ...call, urls: '/back' } }],
    [
      'callback.url: must begin with an origin of callbackOrigins, without a variable',
      ...callbackUrls('https://other.example/{/item}', 'nowhere'),
    ],
    [
      'callback.url: must have variables only as whole path segments or whole query values',
      ...callbackUrls('https://{/host}/x', 'xhttps://api.example.com/{/item}'),
      ...callbackUrls(
        ...['x{/item}', '?{/item}=1', '#{/item}', '{/a}{/b}', '{/item}x/y', '?a=b{/item}', '?a={/item}b&c=1'].map(
          rest => `https://api.example.com/${rest}`,
        ),
      ),
    ],
    [
      'callback.url: may contain only {/pointer}, {header:Name}, {reference}; {{ is a literal brace',
      ...callbackUrls('https://api.example.com/{secret:x}'),
    ],
    [
      'callback.headers: may contain only {secret:name}, {token}, {kept:/pointer}, {kept:header:Name}; {{ is a literal brace',
      { callback: { ...call, headers: { a: '{/id}' } } },
    ],
    [
      'callback.headers: may hold a secret or a kept header only together with url',
      { callback: { urls: '/back', headers: { a: '{secret:x}' } } },
    ],
    [
      'callback.headers: must not hold a secret of authentication',
      { authentication: { kind: 'header', secret: 'x' }, callback: { ...call, headers: { a: '{secret:x}' } } },
    ],
    [
      `callback.bodies: may contain only {/pointer}, {header:Name}, {callbackUrl}, ${result}; {{ is a literal brace`,
      { callback: { ...call, bodies: { erased: '{base64Body}' } } },
    ],
  ];
  test.each(rowsOf(refusals))('are refused: %s (%#)', (problem, change) => {
    expect(problems(change)).toEqual([`platforms.acme.${problem}`]);
  });

  test.each<[object]>([
    [
      {
        authentication: [
          { ...hmac, signs: '{header:X-Id}' },
          { kind: 'basic', secret: 'caller' },
        ],
      },
    ],
    [
      {
        authentication: { ...hmac, signs: '{header:X-Time}.{body}', timestamp },
        submittedAt: { at: 'header:x-time', unit: 's' },
      },
    ],
    [{ authentication: { kind: 'standard-webhooks' }, reference: 'header:Webhook-Id' }],
    [{ callback: { url: 'https://api.example.com/v1/{/item}/done?id={reference}&x={/x}' } }],
    [{ callback: { ...call, headers: { a: 'Bearer {secret:x}', b: '{kept:header:X-Token}' } } }],
    [{ reference: ['/person/mail'] }],
    authentications({ signs: '{header:X-Value}{body}', timestamp: { ...timestamp, from: 'header:X-Value' } }) as [
      object,
    ],
    [{ authentication: { kind: 'standard-webhooks' }, submittedAt: { at: 'header:webhook-timestamp', unit: 's' } }],
    [
      {
        authentication: hmac,
        rules: [...section.rules, { when: { '/kind': 'undo' }, do: 'withdraw' }],
        withdrawAnswers: {},
      },
    ],
  ])('are accepted: %j', change => {
    expect(problems(change)).toEqual([]);
  });
});

describe('identifier', () => {
  const named = 'must not name an identifier, nor a place above or below one';
  const sources: readonly (readonly [object, readonly string[]])[] = [
    [{ identifiers: { '/person/mail': 'email' } }, ['/person/mail', '/person', '/person/mail/0', 'message:/person']],
    [{ identifiers: { list: '/ids', value: '/v', kind: 'email' } }, ['/ids', '/ids/0/v', 'message:/ids/1']],
    [{ identifiers: { 'header:X-Mail': 'email' } }, ['header:x-mail']],
    [
      { each: '/all', identifiers: { '/mail': 'email' } },
      ['/mail', 'message:/all/0/mail', 'message:/all', 'message:/all/7'],
    ],
    [{ each: '', identifiers: { '/mail': 'email' } }, ['/mail/x', 'message:/3/mail', 'message:/3']],
    [{ identifiers: { 'message:/mail': 'email' } }, ['/mail', 'message:/mail']],
    [{ each: '/all', identifiers: { 'message:/all/0/mail': 'email' } }, ['/mail', '/mail/x']],
  ];
  const cases = sources.flatMap(([change, places]) => places.map(place => [change, place] as const));

  test.each(cases)('%j: no template may name %s', (change, place) => {
    const inUrl = { callback: { url: `https://api.example.com/{${place}}` } };
    const inBody = { callback: { ...call, bodies: { erased: { deep: [`x {${place}}`] } } } };
    const inAnswer = { answers: { erased: { status: 200, body: `{${place}}` } } };
    expect(problems({ ...change, ...inUrl })).toEqual([`platforms.acme.callback.url: ${named}`]);
    expect(problems({ ...change, ...inBody })).toEqual([`platforms.acme.callback.bodies: ${named}`]);
    expect(problems({ ...change, ...inAnswer })).toEqual([`platforms.acme.answers.erased: ${named}`]);
    if (place.startsWith('header:')) {
      const inHeader = { callback: { ...call, headers: { a: `{kept:${place}}` } } };
      expect(problems({ ...change, ...inHeader })).toEqual([`platforms.acme.callback.headers: ${named}`]);
    }
  });

  test('any template that settings accept: holds no identifier of the message', async () => {
    const keys = fc.constantFrom('person', 'mail', 'id', 'item', 'list', '0');
    const pointer = fc.array(keys, { minLength: 1, maxLength: 3 }).map(all => `/${all.join('/')}`);
    const text = fc.tuple(fc.constantFrom('', 'x', '{{'), pointer).map(([before, place]) => `${before}{${place}}`);
    const message = {
      id: 'o-1',
      kind: 'delete',
      item: { id: 'i-1', list: ['a'] },
      person: { mail: 'secret@example.com', id: 'p-1' },
      list: [{ mail: 'secret@example.com' }],
    };
    const identifiers = [{ '/person/mail': 'email' }, { list: '/list', value: '/mail', kind: 'email' }];
    holds(
      fc.property(fc.dictionary(keys, text), text, (body, url) => {
        const callback = { url: `https://api.example.com/${url}`, bodies: { erased: body } };
        const change = { ...section, identifiers, answers: { erased: { status: 200, body } }, callback };
        if (problems(change).length > 0) return;
        const platform = openPlatforms({ acme: change }).get('acme')!;
        const rawBody = Buffer.from(JSON.stringify(message));
        const headers = new Map([['content-type', ['application/json']]]);
        try {
          const parsed = platform.parse({ method: 'POST', path: '/webhooks/acme', headers, rawBody });
          const erased = { kind: 'erased', at: 0, deletions: [] } as const;
          const result = { reference: 'o-1', receiptId: 'r', receivedAt: 0, outcome: erased, callbackFollows: true };
          const callbacks = 'erase' in parsed ? parsed.erase[0]!.callbacks : [];
          expect(JSON.stringify([parsed.reply([result]), callbacks])).not.toContain('secret@');
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'invalid' });
        }
      }),
    );
  });
});

describe('settings of a platform that is asked', () => {
  const { authentication: _, ...places } = section;
  const headers = { authorization: 'Bearer {secret:apiKey}' };
  const pull = { url: 'https://api.example.com/items?state=open', headers, list: '/items' };
  const asked = { ...places, authentication: undefined, pull, callback: call };
  const pulls = (...changes: readonly object[]) => changes.map(change => ({ pull: { ...pull, ...change } }));
  const undo = { when: { '/state': 'cancelled' }, do: 'withdraw' };

  test('pull: is accepted, with and without authentication', () => {
    expect(problems(asked)).toEqual([]);
    expect(problems({ pull, callback: call })).toEqual([]);
    const next = { query: 'page', from: 1, step: 50 };
    const post = { method: 'POST', body: { text: '{ is literal here' } };
    for (const change of pulls({ next }, { next: { query: 'page', at: '/next' } }, post))
      expect(problems({ ...asked, ...change })).toEqual([]);
  });

  const refusals: Refusals = [
    ['authentication: is missing', { pull: undefined }],
    [
      'pull.url: must be an address without variables on an origin of callbackOrigins',
      ...pulls(
        { url: 'https://other.example.com/items' },
        { url: 'https://api.example.com.evil.example/items' },
        { url: 'https://user:password@api.example.com/items' },
        { url: 'http://api.example.com/items' },
        { url: 'https://api.example.com/items/{/id}' },
        { url: 'https://api.example.com/items#x' },
        { url: 'https://api.example.com/../items' },
        { url: 'https://api.example.com' },
        { url: 'items' },
        { url: '' },
      ),
    ],
    ['pull.body: needs the method POST', ...pulls({ body: {} })],
    [
      'pull.headers: may contain only {secret:name}, {token}; {{ is a literal brace',
      ...pulls(
        ...['{/id}', '{kept:header:X}', '{reference}', '{secret:a b}', '{'].map(text => ({
          headers: { 'x-key': text },
        })),
      ),
    ],
    ['pull.headers: {token} needs oauth', ...pulls({ headers: { 'x-key': '{token}' } })],
    [
      'pull.headers: must not hold a secret of authentication',
      { authentication: { kind: 'header', secret: 'apiKey' } },
    ],
    [
      'callback: must have a url as well as pull, to report the outcome',
      { callback: undefined },
      { callback: { urls: '/back' } },
    ],
    [
      'rules: must not withdraw: an order that is pulled is open',
      { rules: [undo] },
      { rules: [...section.rules, undo] },
    ],
    ['pull.next: must be Object', ...pulls({ next: null }, { next: 'page' })],
    [
      'answers: has no effect without authentication, like each and statusAnswers',
      { answers: { erased: { status: 200 } } },
    ],
    ['reference: must not be a header: an order that is pulled has none', { reference: 'header:X-Id' }],
    ['pull.next.from: is missing', ...pulls({ next: { query: 'page' } })],
    ['pull.next.query: must be the name of a query parameter', ...pulls({ next: { query: 'a&b', from: 0 } })],
    ['pull.everyMinutes: must be a whole number from 1 to 1440', ...pulls({ everyMinutes: 0 })],
    ['pull.maxPages: must be a whole number from 1 to 20', ...pulls({ maxPages: 21 })],
    ['pull.every: is not a setting', ...pulls({ every: 1 })],
  ];
  test.each(rowsOf(refusals))('pull, refused: %s (%#)', (problem, change) => {
    expect(problems({ ...asked, ...change })).toEqual([`platforms.acme.${problem}`]);
  });

  test.each([true, false])(
    'identifier of an order in a list, by its place in the response: is refused (called: %s)',
    isCalled => {
      const named = { url: 'https://api.example.com/items/{message:/items/0/person/mail}' };
      const authentication = isCalled ? { kind: 'header' } : undefined;
      expect(problems({ ...asked, authentication, callback: named })).toEqual([
        'platforms.acme.callback.url: must not name an identifier, nor a place above or below one',
      ]);
    },
  );

  const oauth = { url: 'https://api.example.com/token', secret: 'client', scope: 'orders:read orders:write' };
  const withToken = { ...pull, headers: { authorization: 'Bearer {token}' } };

  test('oauth: is accepted for a pull, and for a callback to a literal address', () => {
    expect(problems({ ...asked, oauth, pull: withToken })).toEqual([]);
    const callback = { ...call, headers: withToken.headers };
    expect(problems({ ...section, oauth: { url: oauth.url, secret: 'client' }, callback })).toEqual([]);
  });

  const tokenRefusals: Refusals = [
    [
      'oauth.url: must be an address without variables on an origin of callbackOrigins',
      { oauth: { ...oauth, url: 'https://other.example.com/token' } },
    ],
    ['oauth.secret: must not be a secret of authentication', { authentication: { kind: 'header', secret: 'client' } }],
    ['oauth: has no effect without {token} in headers of pull or callback', { pull }],
    ['oauth.scope: must be names of scopes', { oauth: { ...oauth, scope: 'a"b' } }],
    [
      'callback.headers: may hold a secret or a kept header only together with url',
      { ...section, pull: undefined, callback: { urls: '/back', headers: withToken.headers } },
    ],
  ];
  test.each(rowsOf(tokenRefusals))('oauth, refused: %s', (problem, change) => {
    expect(problems({ ...asked, oauth, pull: withToken, ...change })).toEqual([`platforms.acme.${problem}`]);
  });

  test('pull on loopback: only in a local run', () => {
    const url = 'http://127.0.0.1:3000/items';
    const origins = ['http://127.0.0.1:3000'];
    const local = { ...asked, pull: { ...pull, url }, callback: { url: `${url}/{/id}` }, callbackOrigins: origins };
    const paths = ['callbackOrigins.0', 'pull.url', 'callback.url'];
    const token = { url: 'http://127.0.0.1:3000/token', secret: 'client' };
    const asking = { ...local, oauth: token, pull: { ...local.pull, headers: { authorization: 'Bearer {token}' } } };
    expect(problems(asking)).toContain('platforms.acme.oauth.url: plain http is for local runs only');
    expect(problems(local)).toEqual(paths.map(path => `platforms.acme.${path}: plain http is for local runs only`));
  });
});
