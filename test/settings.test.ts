import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { locateJson, pointerTo } from '../lambda/io/json.ts';
import { parseSettings, SettingsError } from '../lambda/settings.ts';
import type { SettingsTarget } from '../lambda/voucherify/project-settings.ts';
import { everySetting } from './infra/every-setting.ts';
import { holds } from './support/fuzz.ts';
import { ends, type Loose, problemsOf, settingsText, spoiled } from './support/settings.ts';

const defaultProject = { auth: 'api-key', quotaShare: 0.5, callsPerMinute: 100, quotaPeriod: 'minute' };

/** Asserts the problems of changed settings, deployed and local alike. */
function expectProblems(change: (settings: Loose) => unknown, ...problems: readonly string[]): void {
  for (const where of ends) expect(spoiled(settings => void change(settings), where)).toEqual(problems);
}

describe('settings', () => {
  test.each(ends)('valid: are read for a %s run', where => {
    expect(problemsOf(settingsText(), where)).toEqual([]);
    expect(problemsOf(readFileSync('infra/settings.json', 'utf8'), where)).toEqual([]);
  });

  test('defaults: are filled in, except for operations', () => {
    const least = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: {} };
    const { projects, limits, operations } = parseSettings(JSON.stringify(least), 'deployed');
    expect(projects['main']).toEqual({ baseUrl: 'https://api.voucherify.io', ...defaultProject });
    expect(limits).toEqual({ customersPerRequest: 5, requestsPerHour: 500, delaySeconds: 0, answerBudgetMs: 8000 });
    expect(operations).toEqual({});
  });

  test.each(['', 'SECRET-TOKEN', '{"SECRET-TOKEN":', 'undefined'])('%j: is not JSON', text => {
    expect(problemsOf(text)).toEqual(['are not JSON']);
  });

  test.each(['null', '[]', '"SECRET-TOKEN"', '5'])('%s: is not an object', text => {
    const problems = problemsOf(text);
    expect(problems[0]).toMatch(/must be Object|projects: /);
    expect(problems.join()).not.toContain('SECRET-TOKEN');
  });

  const long = 'a'.repeat(41);
  const seconds = 'must be a whole number from 0 to 2592000';
  const customers = 'must be a whole number from 1 to 50';
  const unknownProject = (at: number) => `platforms.ketch.projects.${at}: is not in projects`;
  const unknownPlatform = 'is not a supported platform, and a generic one needs "type": "generic"';
  const main = (change: (project: Loose) => unknown) => (s: Loose) => change(s['projects'].main);
  const ketch = (change: (platform: Loose) => unknown) => (s: Loose) => change(s['platforms'].ketch);
  test.each<[problem: string, change: (settings: Loose) => unknown]>([
    ['projects: must name at least one project', s => Object.assign(s, { projects: {}, platforms: {} })],
    [`projects.${long}: must be a short lower-case name`, s => (s['projects'][long] = s['projects'].main)],
    ['projects.main.baseUrl: is missing', main(it => delete it['baseUrl'])],
    ['projects.main.quotaShare: must be above 0 and at most 1', main(it => (it['quotaShare'] = 0))],
    ['projects.main.quotaShare: must be above 0 and at most 1', main(it => (it['quotaShare'] = 1.01))],
    ['projects.main.quotaShare: must be number', main(it => (it['quotaShare'] = '0.5'))],
    [`limits.delaySeconds: ${seconds}`, s => (s['limits'].delaySeconds = 0.5)],
    [`limits.delaySeconds: ${seconds}`, s => (s['limits'].delaySeconds = -1)],
    [`limits.customersPerRequest: ${customers}`, s => (s['limits'].customersPerRequest = '5')],
    [`limits.customersPerRequest: ${customers}`, s => (s['limits'].customersPerRequest = 0)],
    ['limits.perDay: is not a setting', s => (s['limits'].perDay = 5)],
    ['project: is not a setting', s => (s['project'] = {})],
    [`platforms.catch: ${unknownPlatform}`, s => (s['platforms'].catch = {})],
    [
      'platforms.manual: is reserved for requests that operators make by hand',
      s => (s['platforms'].manual = everySetting.platforms.generic),
    ],
    ['platforms.ketch.secret: is not a setting', ketch(it => (it['secret'] = 'x'))],
    ['platforms.ketch.tenants: must hold at least one entry', ketch(it => (it['tenants'] = []))],
    ['platforms.ketch.tenants.1: must not be empty', ketch(it => (it['tenants'] = ['a', '']))],
    ['platforms.ketch.environments: is missing', ketch(it => delete it['environments'])],
    ['platforms.ketch.header: must be a header name', ketch(it => (it['header'] = 'a b'))],
    [
      'platforms.ketch.identities.x: must be customer_id, source_id, email or phone',
      ketch(it => (it['identities'].x = 'name')),
    ],
    ['platforms.ketch.projects: must name at least one project', ketch(it => (it['projects'] = []))],
    [unknownProject(1), ketch(it => (it['projects'] = ['main', 'x']))],
    [unknownProject(0), ketch(it => (it['projects'] = ['toString']))],
    ['operations.alarmEmail: must be an e-mail address', s => (s['operations'].alarmEmail = 'on-call')],
  ])('%s', (problem, change) => {
    expectProblems(change, problem);
  });

  test('several problems: are all named', () => {
    expectProblems(
      settings => {
        settings['projects'].main.baseUrl = 'http://x';
        settings['platforms'].ketch.callbackOrigins = ['x', 'y'];
        settings['limits'].delaySeconds = 'x';
        settings['other'] = 1;
      },
      'projects.main.baseUrl: must be the https origin of a Voucherify API endpoint',
      'platforms.ketch.callbackOrigins.0: must be an origin such as https://host',
      'platforms.ketch.callbackOrigins.1: must be an origin such as https://host',
      `limits.delaySeconds: ${seconds}`,
      'other: is not a setting',
    );
  });

  test('unknown project: is named together with other problems', () => {
    const both = (settings: Loose) => {
      settings['platforms'].ketch.projects = ['none'];
      settings['limits'].delaySeconds = 'x';
    };
    expectProblems(both, `limits.delaySeconds: ${seconds}`, unknownProject(0));
  });
});

describe('problem of settings', () => {
  const text = `{
  "projects": { "main": { "baseUrl": "https://api.voucherify.io" }, "shop": { "baseUrl": "https://api.voucherify.io" } },
  "platforms": {
    "shopify": {
      "shops": ["acme.myshopify.com", "acme"],
      "projects": ["shopp"],
      "costumerId": "source_id"
    },
    "ketsch": {},
    "a/b": {}
  },
  "limits": { "perDay": 5 }
}`;
  const problemsIn = (settings: string) => {
    try {
      return parseSettings(settings, 'deployed') && [];
    } catch (error) {
      return error instanceof SettingsError ? error.problems : [];
    }
  };

  test('place: is a JSON pointer with line and column, and says what is allowed', () => {
    expect(problemsIn(text)).toEqual([
      '/platforms/shopify/shops/1 (line 5, column 39): must be a domain such as acme.myshopify.com',
      '/platforms/shopify/costumerId (line 7, column 7): is not a setting; did you mean customerId?',
      '/platforms/ketsch (line 9, column 5): is not a supported platform, and a generic one needs "type": "generic"; did you mean ketch?',
      expect.stringContaining('/platforms/a~1b (line 10, column 5): is not a supported platform'),
      '/platforms/a~1b (line 10, column 5): must be a short lower-case name',
      '/limits/perDay (line 12, column 15): is not a setting; allowed are customersPerRequest, requestsPerHour, delaySeconds, answerBudgetMs',
      '/platforms/shopify/projects/0 (line 6, column 20): is not in projects; did you mean shop?',
    ]);
  });

  test('missing setting: has the place of the object that lacks it', () => {
    expect(problemsIn('{\n "projects": {\n  "main": {}\n },\n "platforms": {}\n}')).toEqual([
      '/projects/main/baseUrl (line 3, column 3): is missing',
    ]);
  });

  test('keys that are there twice: are refused with the place of the second', () => {
    const twice =
      '{"projects":{"main":{"baseUrl":"https://api.voucherify.io"}},"platforms":{"segment":{},\n"segment":{}}}';
    expect(problemsIn(twice)).toEqual(['/platforms/segment (line 2, column 1): is there twice']);
  });

  test('text that is not JSON: has the place of the error', () => {
    expect(problemsIn('{\n  "projects": {,}\n}')).toEqual([
      expect.stringMatching(/^are not JSON \(line 2, column 1\d\)$/),
    ]);
  });

  test('message: has one problem on a line', () => {
    expect(new SettingsError(['/a: is missing']).message).toBe('settings: /a: is missing');
    expect(new SettingsError(['/a: is missing', '/b: x']).message).toBe('settings:\n  /a: is missing\n  /b: x');
  });

  test('positions: are those of every value, in any valid JSON', () => {
    holds(
      fc.property(fc.json(), json => {
        const { indexOf, duplicates } = locateJson(json);
        expect(duplicates).toEqual([]);
        for (const pointer of pointersIn(JSON.parse(json))) expect(indexOf.get(pointer), pointer).toBeDefined();
      }),
    );
  });

  function pointersIn(value: unknown, pointer = ''): readonly string[] {
    if (typeof value !== 'object' || value === null) return [pointer];
    return [pointer, ...Object.entries(value).flatMap(([key, inner]) => pointersIn(inner, pointerTo(pointer, key)))];
  }
});

/** Where a value may be planted: every leaf, and every object and list as a whole. */
function places(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function plant(settings: Loose, path: readonly string[], value: unknown): void {
  const step = (inner: unknown, name: string) => (isObject(inner) ? inner[name] : undefined);
  const holder = path.slice(0, -1).reduce(step, settings);
  if (isObject(holder)) holder[path.at(-1)!] = value;
}

describe('values of settings', () => {
  const shapes = [
    (token: string) => token,
    (token: string) => [token],
    (token: string) => ({ inner: token }),
    (token: string) => `https://${token}.example/`,
    (token: string) => ` ${token}\n`,
  ];

  test.each([
    ['common settings', settingsText()],
    ['every setting', JSON.stringify(everySetting)],
  ])('%s: no problem shows a value, and each names its field', (_, fitting) => {
    expect(problemsOf(fitting)).toEqual([]);
    const paths = places(JSON.parse(fitting)).filter(path => path.length > 0);
    const spot = fc.tuple(fc.constantFrom(...paths), fc.constantFrom(...shapes));
    const spots = fc.array(spot, { minLength: 1, maxLength: 4 });
    holds(
      fc.property(fc.stringMatching(/^[g-z]{10}$/), spots, fc.constantFrom(...ends), (token, plan, where) => {
        const settings = JSON.parse(fitting) as Loose;
        for (const [path, shape] of plan) plant(settings, path, shape(token));
        const problems = problemsOf(JSON.stringify(settings), where);
        expect(problems.join('; ')).not.toContain(token);
        const named = /^(\$schema|projects|platforms|reappearance|limits|operations)\b.*: \S/;
        for (const problem of problems) expect(problem).toMatch(named);
      }),
    );
  });
});

describe('addresses in settings', () => {
  const withUrl = (baseUrl: string) => (settings: Loose) => (settings['projects'].main.baseUrl = baseUrl);
  const withOrigin = (origin: unknown) => (settings: Loose) =>
    (settings['platforms'].ketch.callbackOrigins = ['https://dsr.ketch.com', origin]);
  const withSombra = (sombraUrl: string) => (settings: Loose) =>
    (settings['platforms'].transcend = { audience: 'acme', sombraUrl, identities: {} });

  test.each(['api', 'us1.api', 'shop-1.eu.api'])('baseUrl of %s.voucherify.io: is accepted', name => {
    expectProblems(withUrl(`https://${name}.voucherify.io`));
  });

  test.each([
    ...['http://api.voucherify.io', 'https://voucherify.io', 'https://evilapi.voucherify.io', ''],
    ...['https://api.voucherify.io.evil.example', 'https://api.voucherify.io@evil.example'],
    ...['https://user@api.voucherify.io', 'https://api.voucherify.io/', 'https://api.voucherify.io/v1'],
    ...['https://api.voucherify.io:8443', 'https://api.voucherify.io\n', ' https://api.voucherify.io'],
    ...['https://API.voucherify.io', 'https://evil.example#.api.voucherify.io', 'https://..api.voucherify.io'],
    ...['https://evil.example/.api.voucherify.io', 'http://127.0.0.1', 'http://127.0.0.1:99999999'],
    ...['http://localhost:3000', 'http://127.0.0.2:3000', 'https://127.0.0.1:3000'],
  ])('baseUrl %j: is refused', url => {
    expectProblems(withUrl(url), 'projects.main.baseUrl: must be the https origin of a Voucherify API endpoint');
  });

  test.each([
    ...['https://dsr.ketch.com/', 'https://dsr.ketch.com:443', 'https://DSR.ketch.com', 'https://u@dsr.ketch.com'],
    ...['https://dsr.ketch.com:8443', 'https://93.184.216.34', 'https://[2606:2800:220:1::1]', 'https://}'],
    ...['http://dsr.ketch.com', 'wss://dsr.ketch.com', 'http://localhost:3000', 'dsr.ketch.com', 'null', ''],
  ])('callback origin %j: is refused', origin => {
    const problem = 'platforms.ketch.callbackOrigins.1: must be an origin such as https://host';
    for (const where of ends) expect(spoiled(settings => void withOrigin(origin)(settings), where)).toContain(problem);
  });

  const localOnly = (at: string) => `platforms.${at}: plain http is for local runs only`;
  const loopback = 'http://127.0.0.1:3000';
  test.each<[string, (settings: Loose) => unknown, SettingsTarget, string[]]>([
    ['baseUrl', withUrl(loopback), 'local', []],
    ['baseUrl', withUrl(loopback), 'deployed', [expect.stringContaining('projects.main.baseUrl')]],
    ['callback origin', withOrigin(loopback), 'local', []],
    ['callback origin', withOrigin(loopback), 'deployed', [localOnly('ketch.callbackOrigins.1')]],
    ['sombraUrl', withSombra(loopback), 'local', []],
    ['sombraUrl', withSombra(loopback), 'deployed', [localOnly('transcend.sombraUrl')]],
    ['sombraUrl over https', withSombra('https://multi-tenant.sombra.transcend.io'), 'deployed', []],
  ])('%s on loopback: is for local runs only (%#)', (_, change, where, problems) => {
    expect(spoiled(settings => void change(settings), where)).toEqual(problems);
  });
});

const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012';
const domain = { name: 'erasure.example.com', certificateArn };

describe('operations in settings', () => {
  const operation = (part: string, value: unknown) => (settings: Loose) => (settings['operations'][part] = value);
  const expectDomain = (change: object, ...problems: readonly string[]) =>
    expectProblems(operation('domain', { ...domain, ...change }), ...problems);

  test.each([
    ...['192.0.2.0/24', '192.0.2.1/32', '0.0.0.0/0', '2001:DB8:0:0:0:0:0:1/128', '::/0', '::ffff:192.0.2.0/120'],
  ])('range %s: is accepted', range => {
    expectProblems(operation('allowIps', [range]));
  });

  test.each([
    ...['192.0.2.1', '192.0.2.0/33', '192.0.2.0/024', '192.0.2.0/-1', '192.0.2.0/', '192.0.2.0/24/24'],
    ...['192.0.2/24', '192.0.2.256/24', '192.0.02.0/24', '192.0.2.0/255.255.255.0', '2001:db8::/129'],
    ...['2001:db8:::/32', '2001:db8::1::/64', '2001:db8::zz/64', 'fe80::1%eth0/64', '[2001:db8::]/32'],
    ...['1/1', '.../8', ':::/8', ' 192.0.2.0/24', '192.0.2.0/24\n', 'localhost/8', ''],
  ])('range %j: is refused', range => {
    expectProblems(operation('allowIps', ['192.0.2.0/24', range]), 'operations.allowIps.1: must be a CIDR range');
  });

  test('allowIps: an empty list is refused, because it could mean all or none', () => {
    expectProblems(operation('allowIps', []), 'operations.allowIps: must contain at least one range');
  });

  test.each(['http://git.example.com/RUNBOOK.md', 'https://git.example.com/#x', 'RUNBOOK.md', 'https://a b', ''])(
    'runbookUrl %j: is refused',
    url => expectProblems(operation('runbookUrl', url), 'operations.runbookUrl: must be an https address without #'),
  );

  test('waf: is true or false', () => {
    for (const waf of [true, false]) expectProblems(operation('waf', waf));
    for (const waf of ['true', 1, null, {}]) expectProblems(operation('waf', waf), 'operations.waf: must be boolean');
  });

  const longest = `${'a'.repeat(63)}.example`;
  test.each(['erasure.example.com', 'example.com', 'a.b-c.d1.example', 'xn--bcher-kva.xn--p1ai', longest])(
    'domain %s: is accepted',
    name => {
      expectDomain({ name });
    },
  );

  test.each([
    ...['Erasure.example.com', '*.example.com', 'https://erasure.example.com', 'erasure.example.com/'],
    ...['erasure.example.com.', 'erasure.example.com:443', 'erasure..example.com', `a${longest}`],
    ...['-erasure.example.com', 'erasure-.example.com', 'localhost', '192.0.2.1', 'bücher.example'],
    ...['erasure.example.com\n', ''],
  ])('domain %j: is refused', name => {
    expectDomain({ name }, 'operations.domain.name: must be a lower-case domain name such as erasure.example.com');
  });

  test.each(['aws-cn:acm:cn-north-1', 'aws-us-gov:acm:us-gov-west-1'])('certificate in %s: is accepted', region => {
    expectDomain({ certificateArn: certificateArn.replace('aws:acm:eu-west-1', region) });
  });

  test.each([
    ...['arn:aws:iam::123456789012:server-certificate/erasure', certificateArn.replace('123456789012:', '1234:')],
    ...['arn:aws:acm:eu-west-1:123456789012:certificate/', '12345678-1234-1234-1234-123456789012', ''],
  ])('certificate %j: is refused', arn => {
    const problem = 'operations.domain.certificateArn: must be the ARN of a certificate in ACM';
    expectDomain({ certificateArn: arn }, problem);
  });

  test('domain: has a name of at most 253 characters and a certificate, and nothing else', () => {
    const part = 'operations.domain';
    expectProblems(operation('domain', {}), `${part}.name: is missing`, `${part}.certificateArn: is missing`);
    expectDomain({ zone: 'x' }, `${part}.zone: is not a setting`);
    expectProblems(operation('domain', 'erasure.example.com'), `${part}: must be Object`);
    expectDomain({ name: `${'a.'.repeat(126)}ab` }, `${part}.name: must be at most 253 characters long`);
  });

  const id = 'Z0123456789ABC';
  const zone = 'operations.domain.hostedZone';
  const outside = `${zone}.name: must be the zone of the domain`;
  const noId = `${zone}.id: must be the id of a hosted zone, such as Z0123456789ABC`;
  const outsideNames = ['example.org', 'asure.example.com', 'sub.erasure.example.com'];
  const wrongIds = ['z0123456789abc', '/hostedzone/Z0123456789ABC', 'Z', 'example.com', ''];
  test.each<[object, string[]]>([
    [{ id, name: 'example.com' }, []],
    [{ id, name: 'erasure.example.com' }, []],
    ...outsideNames.map((name): [object, string[]] => [{ id, name }, [outside]]),
    ...wrongIds.map((wrong): [object, string[]] => [{ id: wrong, name: 'example.com' }, [noId]]),
    [{ name: 'example.com' }, [`${zone}.id: is missing`]],
    [{ id }, [`${zone}.name: is missing`]],
  ])('hosted zone %j: %j', (hostedZone, problems) => {
    expectDomain({ hostedZone }, ...problems);
  });
});
