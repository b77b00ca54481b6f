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

describe('settings of a generic platform', () => {
  test.each<[string, object]>([
    [
      'authentication.value: must contain {signature} once; with separator also {timestamp} once, in a part that begins differently',
      { authentication: { ...hmac, value: 'v1=' } },
    ],
    [
      'authentication.value: must contain {signature} once; with separator also {timestamp} once, in a part that begins differently',
      { authentication: { ...hmac, value: '{signature}{signature}' } },
    ],
    ...[
      't={timestamp},v1={signature}, ',
      'v1={signature},{timestamp}',
      't{timestamp},t1={signature}',
      't={timestamp},v1={signature},v2={signature}',
      't={timestamp},u={timestamp},v1={signature}',
      't={timestamp}',
      'v1,{signature}',
      't={timestamp}{signature}',
      't1={timestamp},t{signature}',
      'v1={',
      'v1={signature},x={/id}',
    ].map((value): [string, object] => [
      'authentication.value: must contain {signature} once; with separator also {timestamp} once, in a part that begins differently',
      { authentication: { ...hmac, value, separator: ',', signs: '{timestamp}{body}' } },
    ]),
    [
      'authentication.value: must contain {signature} once; with separator also {timestamp} once, in a part that begins differently',
      { authentication: { ...hmac, value: 't={timestamp},v1={signature}' } },
    ],
    [
      'authentication.signs: may contain only {body}, {method}, {url}, {header:Name}, and {timestamp} if value has it',
      { authentication: { ...hmac, signs: '{body}{/id}' } },
    ],
    [
      'authentication.signs: may contain only {body}, {method}, {url}, {header:Name}, and {timestamp} if value has it',
      { authentication: { ...hmac, signs: '{body}{timestamp}' } },
    ],
    ['authentication.signs: must contain the time of timestamp', { authentication: { ...hmac, timestamp } }],
    [
      'authentication.signs: may contain only {body}, {method}, {url}, {header:Name}, and {timestamp} if value has it',
      { authentication: { ...hmac, signs: 'a literal text' } },
    ],
    ...[
      ['test', { test: 'header:X-Test' }],
      ['submittedAt', { submittedAt: 'header:X-Time' }],
      ['dueAt', { dueAt: 'header:X-Due' }],
      ['callback', { callback: { urls: 'header:X-Back' } }],
    ].map(([path, change]): [string, object] => [
      `${path}: must not be a header that signs does not contain`,
      { authentication: hmac, ...(change as object) },
    ]),
    ...[null, 'email', 7].map((identifiers): [string, object] => ['identifiers: must be Object', { identifiers }]),
    [
      'authentication.signs: must contain the time of timestamp',
      { authentication: { ...hmac, timestamp: { ...timestamp, from: 'value' } } },
    ],
    [
      'authentication: signs must contain {body}, unless header, basic or jwt stands beside it',
      { authentication: { ...hmac, signs: '{header:X-Id}' } },
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
    [
      'submittedAt: must not be a header that signs does not contain',
      { authentication: hmac, submittedAt: { at: 'header:X-Time', unit: 's' } },
    ],
    ['reference: must not be the place of an identifier: list it to hash it', { reference: '/person/mail' }],
    [
      'dueAt: zone must be a time zone such as Europe/Berlin or +01:00, and only beside local',
      { dueAt: { at: '/due', unit: 'local' } },
    ],
    [
      'dueAt: zone must be a time zone such as Europe/Berlin or +01:00, and only beside local',
      { dueAt: { at: '/due', unit: 'local', zone: 'Mars' } },
    ],
    [
      'dueAt: zone must be a time zone such as Europe/Berlin or +01:00, and only beside local',
      { dueAt: { at: '/due', unit: 's', zone: 'UTC' } },
    ],
    [`answers.erased.body: ${inAnswer}`, { answers: { erased: { status: 200, body: { a: '{secret:x}' } } } }],
    [`answers.erased.body: ${inAnswer}`, { answers: { erased: { status: 200, body: ['{'] } } }],
    ['answers.erased: must have no body with 204', { answers: { erased: { status: 204, body: {} } } }],
    [
      `statusAnswers.erased.body: may contain only ${result}; {{ is a literal brace`,
      { statusAnswers: { erased: { status: 200, body: '{/id}' } } },
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
    ['callback: must have either url or urls', { callback: {} }],
    ['callback: must have either url or urls', { callback: { ...call, urls: '/back' } }],
    [
      'callback.url: must begin with an origin of callbackOrigins, without a variable',
      { callback: { url: 'https://other.example/{/item}' } },
    ],
    [
      'callback.url: must have variables only as whole path segments or whole query values',
      { callback: { url: 'https://{/host}/x' } },
    ],
    [
      'callback.url: must have variables only as whole path segments or whole query values',
      { callback: { url: 'https://api.example.com/x{/item}' } },
    ],
    [
      'callback.url: must have variables only as whole path segments or whole query values',
      { callback: { url: 'https://api.example.com/?{/item}=1' } },
    ],
    [
      'callback.url: must have variables only as whole path segments or whole query values',
      { callback: { url: 'https://api.example.com/#{/item}' } },
    ],
    [
      'callback.url: may contain only {/pointer}, {header:Name}, {reference}; {{ is a literal brace',
      { callback: { url: 'https://api.example.com/{secret:x}' } },
    ],
    [
      'callback.headers: may contain only {secret:name}, {token}, {kept:/pointer}, {kept:header:Name}; {{ is a literal brace',
      { callback: { ...call, headers: { a: '{/id}' } } },
    ],
    [
      'callback.headers: may hold a secret or a kept header only beside url',
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
    [
      'callback.url: must have variables only as whole path segments or whole query values',
      { callback: { url: 'https://api.example.com/{/a}{/b}' } },
    ],
    [
      'callback.url: must begin with an origin of callbackOrigins, without a variable',
      { callback: { url: 'nowhere' } },
    ],
    ...[
      'xhttps://api.example.com/{/item}',
      'https://api.example.com/{/item}x/y',
      'https://api.example.com/?a=b{/item}',
      'https://api.example.com/?a={/item}b&c=1',
    ].map((url): [string, object] => [
      'callback.url: must have variables only as whole path segments or whole query values',
      { callback: { url } },
    ]),
  ])('are refused: %s (%#)', (problem, change) => {
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
    [
      {
        authentication: {
          ...hmac,
          signs: '{header:X-Value}{body}',
          timestamp: { ...timestamp, from: 'header:X-Value' },
        },
      },
    ],
    [
      {
        authentication: { kind: 'standard-webhooks' },
        submittedAt: { at: 'header:webhook-timestamp', unit: 's' },
      },
    ],
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

  test('pull: is accepted, with and without authentication', () => {
    expect(problems(asked)).toEqual([]);
    expect(problems({ pull, callback: call })).toEqual([]);
    expect(problems({ ...asked, pull: { ...pull, next: { query: 'page', from: 1, step: 50 } } })).toEqual([]);
    expect(problems({ ...asked, pull: { ...pull, next: { query: 'page', at: '/next' } } })).toEqual([]);
    expect(problems({ ...asked, pull: { ...pull, method: 'POST', body: { text: '{ is literal here' } } })).toEqual([]);
  });

  test.each<[string, string, object]>([
    ['neither authentication nor pull', 'authentication: is missing', { pull: undefined }],
    ...[
      'https://other.example.com/items',
      'https://api.example.com.evil.example/items',
      'https://user:password@api.example.com/items',
      'http://api.example.com/items',
      'https://api.example.com/items/{/id}',
      'https://api.example.com/items#x',
      'https://api.example.com/../items',
      'https://api.example.com',
      'items',
      '',
    ].map((url): [string, string, object] => [
      `url ${url}`,
      'pull.url: must be an address without variables on an origin of callbackOrigins',
      { pull: { ...pull, url } },
    ]),
    ['body of a GET', 'pull.body: needs the method POST', { pull: { ...pull, body: {} } }],
    ...['{/id}', '{kept:header:X}', '{reference}', '{secret:a b}', '{token}', '{'].map(
      (text): [string, string, object] => [
        `header ${text}`,
        text === '{token}'
          ? 'pull.headers: {token} needs oauth'
          : 'pull.headers: may contain only {secret:name}, {token}; {{ is a literal brace',
        { pull: { ...pull, headers: { 'x-key': text } } },
      ],
    ),
    [
      'secret of a sender',
      'pull.headers: must not hold a secret of authentication',
      { authentication: { kind: 'header', secret: 'apiKey' } },
    ],
    ['no callback', 'callback: must have a url beside pull, which tells the outcome', { callback: undefined }],
    [
      'callback to a URL of the order',
      'callback: must have a url beside pull, which tells the outcome',
      { callback: { urls: '/back' } },
    ],
    [
      'withdrawal in a list of open orders',
      'rules: must not withdraw: an order that is pulled is open',
      { rules: [{ when: { '/state': 'cancelled' }, do: 'withdraw' }] },
    ],
    [
      'withdrawal beside an erasure',
      'rules: must not withdraw: an order that is pulled is open',
      { rules: [...section.rules, { when: { '/state': 'cancelled' }, do: 'withdraw' }] },
    ],
    ...[null, 'page'].map((next): [string, string, object] => [
      `next ${next}`,
      'pull.next: must be Object',
      { pull: { ...pull, next } },
    ]),
    [
      'reply that nobody gets',
      'answers: has no effect without authentication, like each and statusAnswers',
      { answers: { erased: { status: 200 } } },
    ],
    [
      'place in a header',
      'reference: must not be a header: an order that is pulled has none',
      { reference: 'header:X-Id' },
    ],
    ['next without a start', 'pull.next.from: is missing', { pull: { ...pull, next: { query: 'page' } } }],
    [
      'query name',
      'pull.next.query: must be the name of a query parameter',
      { pull: { ...pull, next: { query: 'a&b', from: 0 } } },
    ],
    [
      'everyMinutes 0',
      'pull.everyMinutes: must be a whole number from 1 to 1440',
      { pull: { ...pull, everyMinutes: 0 } },
    ],
    ['maxPages 21', 'pull.maxPages: must be a whole number from 1 to 20', { pull: { ...pull, maxPages: 21 } }],
    ['unknown key', 'pull.every: is not a setting', { pull: { ...pull, every: 1 } }],
  ])('pull: %s is refused', (_name, problem, change) => {
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
    const told = { ...call, headers: { authorization: 'Bearer {token}' } };
    expect(problems({ ...section, oauth: { url: oauth.url, secret: 'client' }, callback: told })).toEqual([]);
  });

  test.each<[string, string, object]>([
    [
      'another origin',
      'oauth.url: must be an address without variables on an origin of callbackOrigins',
      { oauth: { ...oauth, url: 'https://other.example.com/token' } },
    ],
    [
      'secret of a sender',
      'oauth.secret: must not be a secret of authentication',
      { authentication: { kind: 'header', secret: 'client' } },
    ],
    ['unused', 'oauth: has no effect without {token} in headers of pull or callback', { pull }],
    ['scope', 'oauth.scope: must be names of scopes', { oauth: { ...oauth, scope: 'a"b' } }],
    [
      'callback to a URL of the message',
      'callback.headers: may hold a secret or a kept header only beside url',
      {
        authentication: { kind: 'header' },
        pull: undefined,
        callback: { urls: '/back', headers: { authorization: 'Bearer {token}' } },
      },
    ],
  ])('oauth: %s is refused', (_name, problem, change) => {
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
