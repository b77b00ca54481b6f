import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type LocalOptions, readAssignments, readLocalOptions, UsageError } from '../../infra/local/options.ts';
import { temporaryFolder } from '../support/local-process.ts';

function problemOf(variables: Readonly<Record<string, string | undefined>>): string {
  try {
    readLocalOptions(variables);
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown.message;
    throw thrown;
  }
  return '';
}

test('arguments of a local run, variables: may follow in any shell', () => {
  expect(readAssignments(['PORT=4000', 'SETTINGS=a=b c'])).toEqual({ PORT: '4000', SETTINGS: 'a=b c' });
  for (const wrong of ['PORT', 'port=1', 'PATH=/bin', '']) expect(readAssignments([wrong])).toBeUndefined();
});

describe('options of a local run', () => {
  test('defaults: need no variable', () => {
    const defaults = { port: 3000, sweepMs: 60_000, claimMs: 60_000, backoffMs: 30_000, data: '.data' };
    const options = readLocalOptions({ PATH: '/bin' });
    expect(options).toMatchObject({ ...defaults, awsEndpoint: undefined });
    expect(Object.keys(options.settings.platforms)).toEqual(['ketch', 'shopify', 'standard-webhooks']);
    expect(options).not.toHaveProperty('settingsFile');
  });

  test.each([
    ['0', 0],
    ['4000', 4001],
    ['65535', 0],
  ])('PORT %s: the sandbox has port %i', (PORT, sandboxPort) => {
    expect(readLocalOptions({ PORT })).toMatchObject({ sandboxPort });
  });

  test('variables: are read', () => {
    const { settings, now, log, settingsFile, ...rest } = readLocalOptions({
      PORT: '0',
      DATA_DIR: ':memory:',
      SANDBOX_PORT: '3999',
      SETTINGS: 'infra/settings.json',
      SWEEP_SECONDS: '0.5',
      CLAIM_SECONDS: '2',
      BACKOFF_SECONDS: '0.05',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:5000',
    });
    expect(settingsFile).toMatch(/^\/.*\.json$/);
    const read = { port: 0, sandboxPort: 3999, data: ':memory:', sweepMs: 500, claimMs: 2000, backoffMs: 50 };
    expect(rest).toEqual({ ...read, awsEndpoint: 'http://127.0.0.1:5000' } satisfies Partial<LocalOptions>);
  });

  test.each(['2026-01-15T12:00:00Z', '2026-01-15T13:00:00.000+01:00', '2026-01-15 12:00:00Z'])(
    'CLOCK %s: the clock continues from that time',
    CLOCK => {
      vi.useFakeTimers({ toFake: ['Date'] });
      onTestFinished(() => void vi.useRealTimers());
      const { now } = readLocalOptions({ CLOCK });
      expect(now()).toBe(Date.parse('2026-01-15T12:00:00Z'));
      vi.setSystemTime(Date.now() + 1234);
      expect(now()).toBe(Date.parse('2026-01-15T12:00:01.234Z'));
    },
  );

  test.each([
    ['PORT', ['x', '', '-1', '65536', '1e3', ' 3000'], 'must be a number from 0 to 65535'],
    ['PORT', ['3000.5'], 'must be a whole number'],
    ['SWEEP_SECONDS', ['0', '0.01', '86401', 'NaN', 'Infinity', '1,5'], 'must be a number from 0.05 to 86400'],
    ['CLAIM_SECONDS', ['0', ''], 'must be a number from 0.05 to 86400'],
    ['BACKOFF_SECONDS', ['.5', ''], 'must be a number from 0.05 to 86400'],
    ['SANDBOX_PORT', ['x', '65536'], 'must be a number from 0 to 65535'],
    ['SANDBOX_PORT', ['0.5'], 'must be a whole number'],
    ['DATA_DIR', [''], 'must not be empty'],
    ['AWS_ENDPOINT_URL', ['localhost', ''], 'must be a URL'],
    [
      'CLOCK',
      [
        ...['noon', '', '2026-01-15', '1768478400000', '2026-01-15T12:00:00', '2026-13-15T12:00:00Z'],
        '2026-01-15T12:00:00+02',
      ],
      'must be an ISO time such as 2026-01-15T12:00:00Z',
    ],
  ])('%s: %j: %s', (name, values, problem) => {
    for (const value of values) expect(problemOf({ [name]: value })).toBe(`${name}: ${problem}`);
  });

  test('several invalid variables: are all named', () => {
    const problem = problemOf({ PORT: 'x', DATA_DIR: '', SWEEP_SECONDS: '0', CLAIM_SECONDS: 'x', CLOCK: 'x' });
    expect(problem.split('; ').map(part => part.split(':')[0])).toEqual([
      ...['PORT', 'DATA_DIR', 'SWEEP_SECONDS', 'CLAIM_SECONDS', 'CLOCK'],
    ]);
  });
});

describe('settings file of a local run', () => {
  const fileWith = (text: string) => {
    const file = join(temporaryFolder(), 'settings.json');
    writeFileSync(file, text);
    return file;
  };

  test('SETTINGS: replaces the settings of the repository and may name loopback', () => {
    const text = JSON.stringify({ projects: { one: { baseUrl: 'http://127.0.0.1:8080' } }, platforms: {} });
    expect(readLocalOptions({ SETTINGS: fileWith(text) }).settings.projects['one']).toMatchObject({
      callsPerMinute: 100,
    });
  });

  test.each([
    ['{', 'settings: are not JSON (line 1, column 2)'],
    ['{"projects":{},"platforms":{}}', 'settings: /projects (line 1, column 2): must name at least one project'],
  ])('SETTINGS with %s: the file and the problem are named', (text, problem) => {
    const file = fileWith(text);
    expect(problemOf({ SETTINGS: file })).toBe(`${file}: ${problem}`);
  });

  test.each([
    ['/nowhere/settings.json', 'does not exist'],
    ['', 'does not exist'],
    ['/', 'cannot be read'],
  ])('SETTINGS %j: %s', (file, problem) => {
    expect(problemOf({ SETTINGS: file })).toBe(`${file}: ${problem}`);
  });
});
