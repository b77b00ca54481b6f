import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OpsUsageError, parseCommandArgs } from '../../infra/ops/args.ts';
import { createSettings } from '../../infra/ops/create-settings.ts';
import { initCommand } from '../../infra/ops/init.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { synthesised } from '../infra/synthesised.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { recipeNames } from '../support/recipes.ts';
import { errors, ops, recordingOutput } from './ops-harness.ts';

const ketchFlags = ['ketch.tenants=acme', 'ketch.environments=production', 'ketch.identities=crm=source_id,mail=email'];

function sets(values: readonly string[]): readonly string[] {
  return values.flatMap(value => ['--set', value]);
}

/** Runs `init` in this process; returns the written settings too. */
async function init(...args: readonly string[]) {
  const file = join(temporaryFolder(), 'settings.json');
  const { output, lines } = recordingOutput();
  const ran = await initCommand.runOffline(parseCommandArgs(initCommand, ['--out', file, ...args]), output).then(
    status => ({ status, stderr: '' }),
    (error: Error) => ({ status: error instanceof OpsUsageError ? 2 : 1, stderr: error.message }),
  );
  return { ...ran, stdout: lines.join('\n'), file, text: existsSync(file) ? readFileSync(file, 'utf8') : undefined };
}

/** Answers questions in turn, as an operator would, and keeps what was asked. */
function operator(...answers: readonly string[]) {
  const asked: string[] = [];
  const ask = async (question: string) => {
    asked.push(question);
    return answers[asked.length - 1] ?? '';
  };
  return { ask, asked };
}

describe('ops init', () => {
  test('flags: write settings that synthesise, and print the next three steps', async () => {
    const { status, stdout, stderr, text, file } = await init(
      ...['--platforms', 'ketch,onetrust,segment', '--projects', 'shop,outlet', '--cluster', 'us1'],
      ...['--alarm-email', 'oncall@example.com', ...sets(ketchFlags)],
      ...sets(['ketch.callbackOrigins=https://dsr.ketch.com']),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const settings = parseSettings(text ?? '', 'deployed');
    expect(settings.projects['shop']?.baseUrl).toBe('https://us1.api.voucherify.io');
    expect(Object.keys(settings.projects)).toEqual(['shop', 'outlet']);
    expect(Object.keys(settings.platforms).sort()).toEqual(['ketch', 'onetrust', 'segment']);
    expect(settings.platforms['ketch']).toMatchObject({
      tenants: ['acme'],
      environments: ['production'],
      identities: { crm: 'source_id', mail: 'email' },
      callbackOrigins: ['https://dsr.ketch.com'],
    });
    expect(settings.operations.alarmEmail).toBe('oncall@example.com');
    expect(synthesised({ settings }).of('AWS::SecretsManager::Secret').length).toBe(6);
    expect(stdout).toContain(`npx cdk deploy --no-rollback -c settings=${file}`);
    expect(stdout).toContain(`npm run ops -- secret set platform/ketch --settings ${file}`);
    expect(stdout).toContain(`npm run ops -- doctor --settings ${file}`);
    expect([...stdout.matchAll(/^(\d)\. /gm)].map(([, number]) => number)).toEqual(['1', '2', '3']);
    expect(stdout.split('\n').filter(line => line.length > 80 && !line.includes(file))).toEqual([]);
  });

  test('stage: is part of every step', () => {
    const file = join(temporaryFolder(), 'settings.json');
    const { stdout } = ops(['init', '--out', file, '--platforms', 'segment', '--stage', 'eu']);
    expect(stdout).toContain(`npx cdk deploy --no-rollback -c stage=eu -c settings=${file}`);
    expect(stdout).toContain('npm run ops -- secret --stage eu set platform/segment');
    expect(stdout).toContain('npm run ops -- doctor --stage eu');
  });

  test.each(recipeNames)('recipe %s: needs no values and writes valid settings', async name => {
    const args = parseCommandArgs(initCommand, ['--platforms', name, '--cluster', 'eu1', '--projects', 'main']);
    const { platforms } = parseSettings(await createSettings(args, '', undefined), 'deployed');
    expect(Object.keys(platforms)).toEqual([name]);
  });

  test('--json: prints the file and the steps; invalid stage, argument and folder: are usage errors', async () => {
    const file = join(temporaryFolder(), 'settings.json');
    const { output, printed } = recordingOutput(true);
    const args = parseCommandArgs(initCommand, ['--out', file, '--platforms', 'segment', '--stage', 'eu', '--json']);
    expect(await initCommand.runOffline(args, output)).toBe(0);
    expect(printed).toMatchObject([{ file, steps: [{ commands: expect.any(Array) }, {}, {}] }]);
    for (const wrong of [['--stage', 'NO'], ['x'], ['--out', join(file, 'below')]])
      expect((await init('--platforms', 'segment', ...wrong)).status).toBe(2);
  });

  test('file that exists: is not changed without --force', () => {
    const file = join(temporaryFolder(), 'settings.json');
    writeFileSync(file, 'mine');
    const args = ['init', '--out', file, '--platforms', 'segment'];
    expect(ops(args)).toMatchObject({
      status: 2,
      stderr: `${file} exists: --force replaces it, and --out FILE writes another file\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(ops([...args, '--force']).status).toBe(0);
    expect(parseSettings(readFileSync(file, 'utf8'), 'deployed').platforms).toHaveProperty('segment');
  });

  test.each<[string, readonly string[], string]>([
    ['no platform', [], '--platforms: is missing'],
    ['unknown platform', ['--platforms', 'ketsch'], '--platforms: ketsch is unknown; did you mean ketch?'],
    ['missing value', ['--platforms', 'ketch'], '--set ketch.tenants=…: is missing'],
    ['unknown cluster', ['--platforms', 'segment', '--cluster', 'eu9'], '--cluster: must be eu1, us1, as1 or the'],
    ['unknown field', ['--platforms', 'segment', '--set', 'segment.tenants=a'], '--set segment.tenants: is not asked'],
    [
      'unknown kind',
      ['--platforms', 'ketch', ...sets(['ketch.tenants=a', 'ketch.environments=b', 'ketch.identities=crm=name'])],
      'must be customer_id, source_id, email or phone',
    ],
    ['invalid address', ['--platforms', 'segment', '--alarm-email', 'on-call'], '--alarm-email: must be an e-mail'],
  ])('%s: is one line, exit code 2, and no file', async (_, args, message) => {
    const { status, stderr, text } = await init(...args);
    expect({ status, stderr, text }).toEqual({ status: 2, stderr: expect.stringContaining(message), text: undefined });
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('terminal: asks for what no flag says, and asks again after an invalid answer', async () => {
    const said = errors();
    const { ask, asked } = operator(
      'mars,shopify',
      'shopify',
      '',
      'mars',
      'as1',
      '',
      'acme.myshopify.com',
      'oncall@example.com',
    );
    const settings = parseSettings(await createSettings(parseCommandArgs(initCommand, []), '', ask), 'deployed');
    expect(settings).toMatchObject({
      projects: { main: { baseUrl: 'https://as1.api.voucherify.io' } },
      platforms: { shopify: { shops: ['acme.myshopify.com'] } },
      operations: { alarmEmail: 'oncall@example.com' },
    });
    expect(asked).toEqual(['> ', '> ', '[main] > ', '[eu1] > ', '[eu1] > ', '> ', '> ', '> ']);
    const lines = said.mock.calls.flat().join('\n').split('\n');
    expect(lines).toContain('must be eu1, us1, as1 or the https API endpoint of a dedicated cluster');
    expect(lines.filter(line => line.startsWith('Shopify shops: Accepted shops'))).toHaveLength(1);
  });

  test('terminal: no alarm address is possible, and is said', async () => {
    const said = errors();
    const { ask } = operator('segment', 'main', 'eu1', '');
    const settings = parseSettings(await createSettings(parseCommandArgs(initCommand, []), '', ask), 'deployed');
    expect(settings.operations).toEqual({});
    expect(said.mock.calls.flat().join('\n')).toContain('alarms notify no one');
  });

  test('schema: is named relative to the file, for editors', async () => {
    const args = parseCommandArgs(initCommand, ['--platforms', 'segment']);
    expect(JSON.parse(await createSettings(args, 'infra/settings.json', undefined))).toHaveProperty(
      '$schema',
      './settings.schema.json',
    );
  });
});
