import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { writeRunFile } from '../../infra/local/run-file.ts';
import { parseCommandArgs, targetOptions } from '../../infra/ops/args.ts';
import { commands, commonHelp, overview } from '../../infra/ops/commands.ts';
import { localContext } from '../../infra/ops/context.ts';
import { recipesCommand } from '../../infra/ops/recipes.ts';
import { processOutput, tableLines, withTarget, wrapLine } from '../../infra/ops/terminal.ts';
import { setLegalHold } from '../../lambda/control/legal-holds.ts';
import manifest from '../../package.json' with { type: 'json' };
import { temporaryFolder } from '../support/local-process.ts';
import { recipeText } from '../support/recipes.ts';
import { erased, localFolder, ops, opsHarness, recordingOutput, run, stopped } from './ops-harness.ts';

describe('ops', () => {
  test.each([
    [['pause', 'platform:ketch'], '--why: must be the reason for the decision'],
    [['pausess'], 'unknown command; did you mean pauses? npm run ops -- --help lists all commands'],
    [['completion', 'csh'], 'completion: must be bash, zsh or fish'],
    [['constructor'], 'unknown command; npm run ops -- --help lists all commands'],
    [['pause', 'all', '--ada@example.com', 'x'], 'unknown option: --help lists the options of this command'],
    [['list', '--stat', 'open'], 'unknown option --stat; did you mean --state?'],
  ])('%j: is one line and exit code 2: %s', (args, message) => {
    const { status, stderr } = ops([...args, '--local'], { DATA_DIR: localFolder() });
    expect({ status, message: stderr }).toEqual({ status: 2, message: expect.stringContaining(message) });
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('deployment or folder that does not exist: is a usage error', () => {
    const nowhere = { DATA_DIR: join(localFolder(), 'nowhere') };
    const message = `--local: no local run exists in ${nowhere.DATA_DIR} (DATA_DIR): run npm start first`;
    expect(() => localContext(nowhere)).toThrow(message);
    expect(ops(['pauses', '--local'], nowhere)).toMatchObject({ status: 2, stderr: `${message}\n` });
    const emulated = { DATA_DIR: localFolder() };
    writeRunFile(emulated.DATA_DIR, { url: 'http://127.0.0.1:1' });
    expect(() => localContext(emulated)).toThrow('--local: npm start uses an AWS endpoint');
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

  test('key of a local run: a missing or unreadable file is named and not created', async () => {
    const DATA_DIR = localFolder();
    const context = localContext({ DATA_DIR });
    onTestFinished(() => context.close());
    await expect(run(context, 'jwks', 'extra')).rejects.toThrow('jwks: takes no arguments');
    await expect(run(context, 'jwks')).rejects.toThrow(`evidence-key.pem is missing in ${DATA_DIR} (DATA_DIR)`);
    writeFileSync(join(DATA_DIR, 'evidence-key.pem'), 'no key');
    const message = `evidence-key.pem in ${DATA_DIR} (DATA_DIR) is not a valid key`;
    await expect(run(context, 'jwks')).rejects.toThrow(message);
    expect(ops(['jwks', '--local'], { DATA_DIR })).toMatchObject({ status: 1, stderr: `${message}\n` });
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
    expect(lines.filter(line => line.length > 80 || line.endsWith(' '))).toEqual([]);
  });

  test('executable of the repository: is in the lock file, and runs the tool under its usual name', () => {
    const folder = join(import.meta.dirname, '../../infra/tools/node');
    const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: Record<string, string> };
    const { packages } = JSON.parse(readFileSync(join(folder, '../../../package-lock.json'), 'utf8')) as {
      packages: Record<string, { bin?: object }>;
    };
    expect(packages['infra/tools/node']?.bin).toEqual(bin);
    expect(Object.keys(bin)).toEqual(Object.keys(manifest.bin));
    // npm links it into node_modules/.bin in the same way, and starts it with the Node.js of this repository.
    const [[name = '', file = ''] = []] = Object.entries(bin);
    const link = join(temporaryFolder(), name);
    symlinkSync(join(folder, file), link);
    const run = (...args: readonly string[]) => spawnSync(process.execPath, [link, ...args], { encoding: 'utf8' });
    expect(run('--version')).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
    expect(run('nothing')).toMatchObject({ status: 2, stderr: expect.stringContaining('npm run ops -- --help') });
    expect(statSync(join(folder, file)).mode & 0o111).toBe(0o111);
  });

  test('completion in bash: completes commands and options, and runs the tool without the lines of npm', () => {
    const bash = (words: readonly string[]) => {
      const typed = `COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1))`;
      const script = `${ops(['completion', 'bash']).stdout}\n${typed}; _erasure_ops; echo "\${COMPREPLY[*]}"`;
      return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim();
    };
    expect(bash(['ops', 'pa'])).toBe('pause pauses');
    expect(bash(['ops', 'list', '--st'])).toBe('--state --stage');
    expect(bash(['ops', 'nothing', '--st'])).toBe('');
    expect(bash(['ops', '']).split(' ')).toEqual(Object.keys(commands));
    const run = spawnSync('bash', ['-c', `${ops(['completion', 'bash']).stdout}\nops --version`], { encoding: 'utf8' });
    expect(run.stdout).toBe(`${manifest.version}\n`);
  });

  test('completion in zsh and fish: names every command', () => {
    const [zsh, fish] = [ops(['completion', 'zsh']).stdout, ops(['completion', 'fish']).stdout];
    expect(zsh).toMatch(/^autoload -U \+X compinit/);
    for (const name of Object.keys(commands)) {
      expect(zsh).toMatch(new RegExp(`^    ${name}\\) words=`, 'm'));
      expect(fish).toContain(`complete -c ops -n __fish_use_subcommand -f -a ${name} -d '`);
    }
    expect(fish).toContain("complete -c ops -n '__fish_seen_subcommand_from list' -l state");
  });

  test('suggested commands: keep the options that select the deployment', () => {
    const DATA_DIR = localFolder();
    const { stdout } = ops(['doctor', '--local', '--settings', 'infra/settings.json'], { DATA_DIR });
    expect(stdout).not.toMatch(/npm run ops -- [a-z]+ (?!--local --settings infra\/settings\.json)/);
    const paused = ops(['pause', 'all', '--why', 'a drill', '--local'], { DATA_DIR });
    expect(paused.status).toBe(0);
    expect(ops(['pauses', '--local'], { DATA_DIR }).stdout).toContain('npm run ops -- resume --local all --why "…"');
    const text = 'run npm run ops -- list --state open, or npm run -s ops -- show x; npm run ops -- --help';
    expect(withTarget(text, '--stage eu')).toBe(
      'run npm run ops -- list --stage eu --state open, or npm run -s ops -- show --stage eu x; npm run ops -- --help',
    );
    const args = parseCommandArgs({ options: {} }, ['--stage', 'eu', '--settings', 'my settings.json']);
    expect(targetOptions(args)).toBe('--stage eu --settings "my settings.json"');
  });

  /** What a command prints on a terminal of 80 columns, through the output of the process. */
  function terminal(target = '') {
    const lines: string[] = [];
    // The tool's name in suggested commands depends on the script that runs.
    vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'infra/ops/ops.ts']);
    for (const stream of [process.stdout, process.stderr]) {
      const { isTTY, columns } = stream;
      Object.assign(stream, { isTTY: true, columns: 80 });
      onTestFinished(() => void Object.assign(stream, { isTTY, columns }));
    }
    const keep = (text: string | Uint8Array) => lines.push(...String(text).replace(/\n$/, '').split('\n')) > 0;
    vi.spyOn(process.stdout, 'write').mockImplementation(keep);
    vi.spyOn(console, 'error').mockImplementation(keep);
    return { output: processOutput(false, target), lines };
  }

  test('terminal: a suggested command has short ids, and continues on another line for the shell', () => {
    const { output, lines } = terminal('--local --settings "my very long settings file.json"');
    const id = `${'abcdefgh'.repeat(5)}ijk`;
    output.print(`  npm run ops -- retry ${id} --max 12 --why "…"`);
    output.print(`  npm run ops -- show ${`--${id}`.slice(0, 43)}`);
    output.warn(`remark:\n  npm run ops -- pauses`);
    expect(lines).toEqual([
      '  npm run ops -- retry --local --settings "my very long settings file.json" \\',
      '      abcdefgh --max 12 --why "…"',
      '  npm run ops -- show --local --settings "my very long settings file.json" \\',
      `      ${`--${id}`.slice(0, 43)}`,
      'remark:',
      '  npm run ops -- pauses --local --settings "my very long settings file.json"',
    ]);
  });

  test('terminal: no command prints a line that is wider, except one long word', async () => {
    const at = await opsHarness();
    const [review, done] = [await stopped(at), await erased(at)];
    const reason = 'a reason of many words, '.repeat(5);
    const hold = { id: 'h'.repeat(43), kind: 'email', actor: 'zoe', reason, at: at.harness.clock.now };
    await setLegalHold({ ...hold, until: Date.UTC(2027, 0, 31) }, at.context.control);
    const people = join(temporaryFolder(), 'people.csv');
    writeFileSync(people, `customer_id\n${'x\n'.repeat(30)}`);
    const { output, lines } = terminal('--local');
    const why = ['--why', reason];
    const typed = [
      ...[['list'], ['list', '--closed'], ['list', '--state', 'open'], ['list', '--platform', 'nope']],
      ...[
        ['show', review],
        ['show', done],
        ['preview', done],
        ['find', '--source-id', 'crm-1'],
      ],
      ...['retry', 'accept-partial', 'refuse', 'erase-again'].map(name => [name, review, done, ...why]),
      ...[
        ['retry', review, '--max', '7', ...why],
        ['retry', review, '--same-project', ...why],
      ],
      ...[['retry', done, '--new-request', ...why], ['holds'], ['release', hold.id, ...why]],
      ...[['pause', 'all', ...why], ['pauses'], ['pauses', 'all'], ['resume', 'project:main', ...why]],
      ...[['pause', 'project:nope', ...why], ['resume', 'project:nope', ...why], ['recipes'], ['recipes', 'nope']],
      ...[['secret', 'set', 'nope'], ['explain', 'nope'], ['erase', '--csv', people], ['erase']],
      ...[['report', '--year', '2026'], ['restore-check'], ['export'], ['verify'], ['jwks', 'nope'], ['show', 'nope']],
    ];
    for (const [name = '', ...args] of typed) {
      const command = commands[name]!;
      const parsed = parseCommandArgs(command, args);
      const printed = lines.length;
      const context = { ...at.context, sendManual: () => Promise.reject(new Error('not called')) };
      const running = async () =>
        'runOffline' in command ? command.runOffline(parsed, output) : command.run(parsed, context, output);
      await running().catch((error: Error) => output.warn(error.message));
      expect(lines.length, name).toBeGreaterThan(printed);
      const shown = lines.slice(printed).map(line => stripVTControlCharacters(line));
      const wide = shown.filter(line => line.length > 80 && line.trim().includes(' '));
      expect(wide, [name, ...args].join(' ')).toEqual([]);
    }
  });

  test('terminal: long lines are wrapped, texts of several lines are not', () => {
    const { output, lines } = terminal();
    const words = 'word '.repeat(20).trim();
    output.print(`  ${words}`);
    output.print(words, 9);
    output.print(`${words}\n`);
    output.warn(words);
    expect(lines.map(line => line.length)).toEqual([76, 28, 79, 28, 99, 0, 79, 21]);
  });

  test('table: a last cell that does not fit is continued below it', () => {
    expect(tableLines(['A', 'WHY'], [['x', 'a-reason-that-is-long']], 14)).toEqual([
      'A  WHY',
      'x  a-reason-th\n   at-is-long',
    ]);
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
  const recipes = async (...args: readonly string[]) => {
    const typed = parseCommandArgs(recipesCommand, args);
    const { output, lines, printed } = recordingOutput(typed.isSet('json'));
    return { status: await recipesCommand.runOffline(typed, output), text: lines.join('\n'), printed };
  };

  test('without a name: lists every recipe, without AWS or settings', async () => {
    const { text, status } = await recipes();
    expect(status).toBe(0);
    expect(text).toMatch(/^osano +header +PATCH to the platform$/m);
    expect(text).toMatch(/^onetrust-pull +asked every 15 minutes +PUT to the platform$/m);
    expect(text).toMatch(/^kertos +header +reply$/m);
    const [listed] = (await recipes('--json')).printed;
    expect(listed).toContainEqual({ name: 'hubspot', how: 'hmac', outcome: 'reply' });
  });

  test('with a name: prints that recipe; an unknown one is a usage error', async () => {
    expect(ops(['recipes', 'osano'], { AWS_REGION: '' })).toMatchObject({ status: 0, stdout: recipeText('osano') });
    expect(`${(await recipes('osano')).text}\n`).toBe(recipeText('osano'));
    for (const names of [['../settings'], ['osano', 'hubspot']])
      await expect(recipes(...names)).rejects.toThrow(/^NAME: must be one of /);
  });
});
