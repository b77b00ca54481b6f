import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../lambda/io/settings.ts';
import { ends, type Loose, problemsOf, settingsText, spoiled } from '../support/settings.ts';

describe('settings that fit', () => {
  test.each(ends)('are read for a %s run', where => {
    expect(problemsOf(settingsText(), where)).toEqual([]);
    expect(problemsOf(readFileSync('infra/settings.json', 'utf8'), where)).toEqual([]);
  });

  test('get their defaults', () => {
    const least = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: {} };
    const { projects, limits } = parseSettings(JSON.stringify(least), 'deployed');
    expect(projects['main']).toEqual({
      baseUrl: 'https://api.voucherify.io',
      auth: 'api-key',
      quotaShare: 0.5,
      callsPerMinute: 100,
      quotaPeriod: 'minute',
    });
    expect(limits).toEqual({
      customersPerRequest: 5,
      requestsPerHour: 500,
      holdSeconds: 0,
      answerBudgetMs: 8000,
    });
  });

  test('keep a zero that was meant', () => {
    const { limits } = parseSettings(
      settingsText(settings => {
        settings['limits'].holdSeconds = 0;
        settings['projects'].main.quotaShare = 1;
      }),
      'deployed',
    );
    expect(limits.holdSeconds).toBe(0);
  });
});

describe('settings that do not fit', () => {
  test.each(['', 'SECRET-TOKEN', '{"SECRET-TOKEN":', 'undefined'])('because they are no JSON: %j', text => {
    expect(problemsOf(text)).toEqual(['are not JSON']);
  });

  test.each(['null', '[]', '"SECRET-TOKEN"', '5'])('because they are %s', text => {
    const [problem, ...others] = problemsOf(text);
    expect(problem).toMatch(/must be Object|projects: /);
    expect([problem, ...others].join()).not.toContain('SECRET-TOKEN');
  });

  test.each<[string, (settings: Loose) => void, string]>([
    [
      'there is no project',
      s => Object.assign(s, { projects: {}, platforms: {} }),
      'projects: must name at least one project',
    ],
    [
      'a project has a long name',
      s => (s['projects']['a'.repeat(41)] = s['projects'].main),
      `projects.${'a'.repeat(41)}: must be a short lower-case name`,
    ],
    ['a project has no address', s => delete s['projects'].main.baseUrl, 'projects.main.baseUrl: is missing'],
    [
      'a share is nothing',
      s => (s['projects'].main.quotaShare = 0),
      'projects.main.quotaShare: must be above 0 and at most 1',
    ],
    [
      'a share is too much',
      s => (s['projects'].main.quotaShare = 1.01),
      'projects.main.quotaShare: must be above 0 and at most 1',
    ],
    ['a share is text', s => (s['projects'].main.quotaShare = '0.5'), 'projects.main.quotaShare: must be number'],
    [
      'a limit is no whole number',
      s => (s['limits'].holdSeconds = 0.5),
      'limits.holdSeconds: must be a whole number from 0 to 2592000',
    ],
    [
      'a limit is negative',
      s => (s['limits'].holdSeconds = -1),
      'limits.holdSeconds: must be a whole number from 0 to 2592000',
    ],
    [
      'a limit is text',
      s => (s['limits'].customersPerRequest = '5'),
      'limits.customersPerRequest: must be a whole number from 1 to 50',
    ],
    [
      'nobody could be deleted',
      s => (s['limits'].customersPerRequest = 0),
      'limits.customersPerRequest: must be a whole number from 1 to 50',
    ],
    ['a limit is unknown', s => (s['limits'].perDay = 5), 'limits.perDay: is not a setting'],
    ['a setting is misspelled', s => (s['project'] = {}), 'project: is not a setting'],
    [
      'a platform is unknown',
      s => (s['platforms'].catch = {}),
      'platforms.catch: is no platform of ours, and a sender of your own needs "type": "generic"',
    ],
    ['a secret stands in them', s => (s['platforms'].ketch.secret = 'x'), 'platforms.ketch.secret: is not a setting'],
    [
      'no tenant is listed',
      s => (s['platforms'].ketch.tenants = []),
      'platforms.ketch.tenants: must hold at least one entry',
    ],
    [
      'a tenant is empty',
      s => (s['platforms'].ketch.tenants = ['a', '']),
      'platforms.ketch.tenants.1: must not be empty',
    ],
    [
      'no environment is listed',
      s => delete s['platforms'].ketch.environments,
      'platforms.ketch.environments: is missing',
    ],
    [
      'a header has a space',
      s => (s['platforms'].ketch.header = 'a b'),
      'platforms.ketch.header: must be a header name',
    ],
    [
      'an identity is unknown',
      s => (s['platforms'].ketch.identities.x = 'name'),
      'platforms.ketch.identities.x: must be customer_id, source_id, email or phone',
    ],
    [
      'no project is listed',
      s => (s['platforms'].ketch.projects = []),
      'platforms.ketch.projects: must name at least one project',
    ],
    [
      'a project is not there',
      s => (s['platforms'].ketch.projects = ['main', 'x']),
      'platforms: name a project that is not in projects',
    ],
    [
      'a project is everybody’s',
      s => (s['platforms'].ketch.projects = ['toString']),
      'platforms: name a project that is not in projects',
    ],
    [
      'nobody would be paged',
      s => (s['operations'].alarmEmail = 'on-call'),
      'operations.alarmEmail: must be an e-mail address',
    ],
    [
      'a range is an address',
      s => (s['operations'].allowIps = ['192.0.2.1']),
      'operations.allowIps.0: must be a CIDR range',
    ],
  ])('because %s', (_, change, problem) => {
    for (const where of ends) expect(spoiled(change, where)).toEqual([problem]);
  });

  test('are told of all at once', () => {
    const problems = spoiled(settings => {
      settings['projects'].main.baseUrl = 'http://x';
      settings['projects'].main.quotaShare = 7;
      settings['platforms'].ketch.header = 'a b';
      settings['platforms'].ketch.callbackOrigins = ['x', 'y'];
      settings['limits'].holdSeconds = 'x';
      settings['other'] = 1;
    });
    expect(problems).toEqual([
      'projects.main.baseUrl: must be the https origin of a Voucherify API endpoint',
      'projects.main.quotaShare: must be above 0 and at most 1',
      'platforms.ketch.callbackOrigins.0: must be an origin such as https://host',
      'platforms.ketch.callbackOrigins.1: must be an origin such as https://host',
      'platforms.ketch.header: must be a header name',
      'limits.holdSeconds: must be a whole number from 0 to 2592000',
      'other: is not a setting',
    ]);
  });

  test('are told of a project that is not there beside what is wrong elsewhere', () => {
    const problems = spoiled(settings => {
      settings['platforms'].ketch.projects = ['none'];
      settings['limits'].holdSeconds = 'x';
    });
    expect(problems).toEqual([
      'limits.holdSeconds: must be a whole number from 0 to 2592000',
      'platforms: name a project that is not in projects',
    ]);
  });
});
