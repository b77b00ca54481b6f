import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands, commonHelp, overview } from '../../infra/ops/commands.ts';
import { wrapLine } from '../../infra/ops/terminal.ts';
import { recipeText } from '../support/recipes.ts';
import { localFolder, ops } from './ops-harness.ts';

describe('ops', () => {
  test.each([
    [['pause', 'platform:ketch'], '--why: must be the reason for the decision'],
    [['constructor'], 'unknown command; npm run ops -- --help lists all commands'],
    [
      ['pause', 'all', '--ada@example.com', 'x'],
      'unknown option, or an option without its value; npm run ops -- pause --help',
    ],
  ])('%j: is one line and exit code 2: %s', (args, message) => {
    const { status, stderr } = ops([...args, '--local'], { DATA_DIR: localFolder() });
    expect({ status, message: stderr }).toEqual({ status: 2, message: expect.stringContaining(message) });
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('deployment or folder that does not exist: is a usage error', () => {
    expect(ops(['pauses', '--local'], { DATA_DIR: join(localFolder(), 'nowhere') })).toMatchObject({
      status: 2,
      stderr: '--local: no local run exists in the folder that DATA_DIR names\n',
    });
    expect(ops(['pauses', '--stage', 'NO']).stderr).toBe(
      '--stage: must be a valid stage name, such as the deployed one\n',
    );
    expect(ops(['pauses', '--settings', 'none.json']).stderr).toBe('--settings: the file cannot be read\n');
  });

  test('closed pipe: ends without an error', () => {
    const script = `"${process.execPath}" infra/ops/ops.ts --help | head -c 1 > /dev/null; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ code: stdout.trim(), stderr }).toEqual({ code: '0', stderr: '' });
  });

  test('key of a local run: a missing or unreadable file is named and not created', () => {
    const DATA_DIR = localFolder();
    expect(ops(['jwks', '--local'], { DATA_DIR })).toMatchObject({
      status: 1,
      stderr: 'evidence-key.pem is missing in the folder that DATA_DIR names\n',
    });
    writeFileSync(join(DATA_DIR, 'evidence-key.pem'), 'no key');
    expect(ops(['jwks', '--local'], { DATA_DIR }).stderr).toBe(
      'evidence-key.pem in the folder that DATA_DIR names is not a valid key\n',
    );
  });

  test('AWS error: is named, with exit code 1', () => {
    const unreachable = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'eu-west-1' };
    const credentials = { AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' };
    const { status, stderr } = ops(['pauses'], { ...unreachable, ...credentials });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^AWS, read-control: \w+\nthe receipt store cannot be reached: check credentials, region and --stage/,
    );
  });

  test('--help: exists for the tool and for every command', () => {
    const { stdout, status } = ops(['--help']);
    expect(status).toBe(0);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name ?? '');
    expect(names).toEqual(expect.arrayContaining(Object.keys(commands)));
    for (const [name, { help }] of Object.entries(commands)) expect(help, name).toContain(`npm run ops -- ${name}`);
    const paused = ops(['pause', '--help']);
    expect(paused).toMatchObject({ status: 0, stdout: `${commands['pause']?.help}\n${commonHelp}` });
    expect(ops([]).status).toBe(2);
  });

  test('help: fits in 80 columns', () => {
    const lines = [overview(), ...Object.values(commands).map(({ help }) => help)].join('\n').split('\n');
    expect(lines.filter(line => line.length > 80)).toEqual([]);
  });

  test('long line: wraps at 80 columns, with an indent and without counting colours', () => {
    const words = 'word '.repeat(20).trim();
    expect(wrapLine(`\u001b[31m✗\u001b[39m tables       ${words}`, 15)).toEqual([
      `\u001b[31m✗\u001b[39m tables       ${'word '.repeat(13).trim()}`,
      `${' '.repeat(15)}${'word '.repeat(7).trim()}`,
    ]);
    expect(wrapLine('  short', 4)).toEqual(['  short']);
    expect(wrapLine('x'.repeat(90), 4)).toEqual(['x'.repeat(90)]);
  });
});

describe('recipes', () => {
  test('without a name: lists every recipe, without AWS or settings', () => {
    const { stdout, status } = ops(['recipes'], { AWS_REGION: '' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^osano +header +PATCH to the platform$/m);
    expect(stdout).toMatch(/^onetrust-pull +asked every 15 minutes +PUT to the platform$/m);
    expect(stdout).toMatch(/^kertos +header +reply$/m);
    expect(JSON.parse(ops(['recipes', '--json']).stdout)).toContainEqual({
      name: 'hubspot',
      how: 'hmac',
      outcome: 'reply',
    });
  });

  test('with a name: prints that recipe; an unknown one is a usage error', () => {
    expect(ops(['recipes', 'osano']).stdout).toBe(recipeText('osano'));
    expect(ops(['recipes', '../settings'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^NAME: must be/),
    });
  });
});
