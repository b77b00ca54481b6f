import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Options, readOptions, UsageError } from '../../infra/local/options.ts';
import { holds } from '../support/fuzz.ts';
import { temporaryFolder } from '../support/local-process.ts';

function problemOf(variables: Readonly<Record<string, string | undefined>>): string {
  try {
    readOptions(variables);
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown.message;
    throw thrown;
  }
  return '';
}

describe('the options of a local run', () => {
  test('need nothing', () => {
    const options = readOptions({ PATH: '/bin' });
    expect(options).toMatchObject({
      port: 3000,
      sweepMs: 60_000,
      claimMs: 60_000,
      backoffMs: 30_000,
      data: '.data',
      awsEndpoint: undefined,
      now: Date.now,
    });
    expect(Object.keys(options.settings.platforms)).toContain('ketch');
  });

  test('are read from the variables', () => {
    const options = readOptions({
      PORT: '0',
      DATA_DIR: ':memory:',
      SWEEP_SECONDS: '0.5',
      CLAIM_SECONDS: '2',
      BACKOFF_SECONDS: '0.05',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:5000',
    });
    const { settings: _, now: __, log: ___, settingsFile, ...rest } = options;
    expect(settingsFile).toMatch(/^\/.*\.json$/);
    expect(rest).toEqual({
      port: 0,
      data: ':memory:',
      sweepMs: 500,
      claimMs: 2000,
      backoffMs: 50,
      awsEndpoint: 'http://127.0.0.1:5000',
    } satisfies Partial<Options>);
  });

  test.each(['2026-01-15T12:00:00Z', '2026-01-15T12:00:00.000Z', '2026-01-15T13:00:00+01:00', '2026-01-15 12:00:00Z'])(
    'let the clock run on from %s',
    CLOCK => {
      vi.useFakeTimers({ toFake: ['Date'] });
      onTestFinished(() => void vi.useRealTimers());
      const { now } = readOptions({ CLOCK });
      expect(now()).toBe(Date.parse('2026-01-15T12:00:00Z'));
      vi.setSystemTime(Date.now() + 1234);
      expect(now()).toBe(Date.parse('2026-01-15T12:00:01.234Z'));
    },
  );
});

describe('a variable that does not fit is named', () => {
  test.each([
    ['PORT', ['x', '', '-1', '65536', '1e3', '0x10', ' 3000', '99999999999999999999']],
    ['SWEEP_SECONDS', ['0', '0.01', '86401', '-5', 'NaN', 'Infinity', '1,5']],
    ['CLAIM_SECONDS', ['0', '']],
    ['BACKOFF_SECONDS', ['.5', '']],
  ])('%s: a number', (name, values) => {
    for (const value of values) {
      expect(problemOf({ [name]: value })).toMatch(new RegExp(`^${name}: must be a number from [\\d.]+ to \\d+$`));
    }
  });

  test.each([
    ['PORT', '3000.5', 'PORT: must be a whole number'],
    ['DATA_DIR', '', 'DATA_DIR: must not be empty'],
    ['AWS_ENDPOINT_URL', 'localhost', 'AWS_ENDPOINT_URL: must be a URL'],
    ['AWS_ENDPOINT_URL', '', 'AWS_ENDPOINT_URL: must be a URL'],
  ])('%s: %j', (name, value, problem) => {
    expect(problemOf({ [name]: value })).toBe(problem);
  });

  test.each([
    'noon',
    '',
    '2026-01-15',
    '12:00:00',
    '1768478400000',
    '2026-01-15T12:00:00',
    '2026-13-15T12:00:00Z',
    '2026-01-15T12:00:00+02',
  ])('CLOCK: %j', CLOCK => {
    expect(problemOf({ CLOCK })).toBe('CLOCK: must be an ISO time such as 2026-01-15T12:00:00Z');
  });

  test('with all the others', () => {
    expect(problemOf({ PORT: 'x', DATA_DIR: '', SWEEP_SECONDS: '0', CLAIM_SECONDS: 'x', CLOCK: 'x' })).toBe(
      [
        'PORT: must be a number from 0 to 65535',
        'DATA_DIR: must not be empty',
        'SWEEP_SECONDS: must be a number from 0.05 to 86400',
        'CLAIM_SECONDS: must be a number from 0.05 to 86400',
        'CLOCK: must be an ISO time such as 2026-01-15T12:00:00Z',
      ].join('; '),
    );
  });

  test('and its value is not shown', () => {
    const names = fc.constantFrom(
      'PORT',
      'SWEEP_SECONDS',
      'CLAIM_SECONDS',
      'BACKOFF_SECONDS',
      'CLOCK',
      'AWS_ENDPOINT_URL',
    );
    holds(
      fc.property(names, fc.stringMatching(/^[g-z]{10}$/), (name, token) => {
        const problem = problemOf({ [name]: token });
        expect(problem).toMatch(new RegExp(`^${name}: `));
        expect(problem).not.toContain(token);
      }),
    );
  });
});

describe('a settings file', () => {
  const fileWith = (text: string) => {
    const file = join(temporaryFolder(), 'settings.json');
    writeFileSync(file, text);
    return file;
  };

  test('is read in place of ours, and may name loopback', () => {
    const text = JSON.stringify({ projects: { one: { baseUrl: 'http://127.0.0.1:8080' } }, platforms: {} });
    expect(readOptions({ SETTINGS: fileWith(text) }).settings.projects['one']).toMatchObject({ callsPerMinute: 100 });
  });

  test.each([
    ['{', 'settings: are not JSON'],
    ['{"projects":{},"platforms":{}}', 'settings: projects: must name at least one project'],
  ])('that does not fit is named with what is wrong: %s', (text, problem) => {
    const file = fileWith(text);
    expect(problemOf({ SETTINGS: file })).toBe(`${file}: ${problem}`);
  });

  test.each(['/nowhere/settings.json', '', '/'])('that cannot be read is named: %j', file => {
    expect(problemOf({ SETTINGS: file })).toBe(`${file}: cannot be read`);
  });
});
