import { spawnSync } from 'node:child_process';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, test } from 'vitest';
import {
  countTrace,
  filesOf,
  instrument,
  linesOf,
  stretchesOf,
  type TracedFunction,
} from '../../infra/tools/trace-request.ts';

/** Runs JavaScript or TypeScript with recorded calls; `result` is an expression at its end. */
function traced(source: string, result: string): { readonly names: readonly string[]; readonly result: unknown } {
  const registered: TracedFunction[] = [];
  const names: string[] = [];
  const code = instrument('a.ts', source, 'enter', one => registered.push(one) - 1);
  const run = new Function('enter', `${stripTypeScriptTypes(code)}; return ${result};`);
  return { result: run((number: number) => names.push(registered[number]!.name)), names };
}

describe('instrumented source', () => {
  test.each([
    ['a declaration', 'function f(a: number): number { return a + 1; }', 'f(1)', 2, ['f']],
    ['a function that calls another', 'function f() { return g(); } function g() { return 2; }', 'f()', 2, ['f', 'g']],
    ['an arrow function with a block', 'const f = (a: number) => { return a; };', 'f(2)', 2, ['f']],
    ['an arrow function with an expression', 'const f = (a: number) => a + 1;', 'f(1)', 2, ['f']],
    ['an arrow function that returns an object', 'const f = () => ({ a: 2 });', 'f().a', 2, ['f']],
    ['an arrow function in an arrow function', 'const f = () => g; const g = () => 2;', 'f()()', 2, ['f', 'g']],
    ['a property', 'const o = { f: () => 2, g() { return 3; } };', 'o.f() + o.g()', 5, ['f', 'g']],
    ['a named function expression', 'const call = [function f() { return 2; }];', 'call[0]()', 2, ['f']],
    ['a class', 'class A { constructor() {} get f() { return 2; } }', 'new A().f', 2, ['constructor', 'f']],
    ['an overload', 'function f(a: string): 2; function f() { return 2; }', 'f("")', 2, ['f']],
    ['a callback, which is a part of its caller', 'const f = () => [1].map(a => a + 1)[0];', 'f()', 2, ['f']],
  ])('records %s', (_, source, expression, result, names) => {
    expect(traced(source, expression)).toEqual({ result, names });
  });

  test('lines: keep their numbers', () => {
    const source = 'const f = () =>\n  1;\nfunction g() {\n  return 2;\n}\n';
    expect(instrument('a.ts', source, 'enter', () => 0).split('\n')).toHaveLength(source.split('\n').length);
  });
});

describe('figures of a trace', () => {
  const [a, b, c] = ['x/1.ts', 'x/2.ts', 'y/3.ts'].map(file => ({ file, name: 'f' })) as [
    TracedFunction,
    TracedFunction,
    TracedFunction,
  ];
  const other = { file: a.file, name: 'g' };

  test('counts: files, folders, functions, calls and switches', () => {
    expect(countTrace([a, other, a, b, a, c])).toEqual({ files: 3, folders: 2, functions: 4, calls: 6, switches: 3 });
    expect(countTrace([])).toEqual({ files: 0, folders: 0, functions: 0, calls: 0, switches: 0 });
  });

  test('functions: two with one name in one file are two', () => {
    expect(countTrace([a, { ...a }]).functions).toBe(2);
  });

  test('lists: files by first call, and stretches in order', () => {
    expect(linesOf(filesOf([a, b, other, a]))).toBe('x/1.ts\n    f x2, g\nx/2.ts\n    f\n');
    expect(linesOf(stretchesOf([a, b, other, a]))).toBe('x/1.ts\n    f\nx/2.ts\n    f\nx/1.ts\n    g, f\n');
  });

  test('lists: wrap at 80 columns', () => {
    const names = Array.from({ length: 30 }, (_, index) => `function${index}`);
    const lines = linesOf([{ file: 'x/1.ts', names }]).split('\n');
    expect(lines.every(line => line.length <= 80)).toBe(true);
    expect(lines.join('').match(/function\d+/g)).toEqual(names);
  });
});

describe('npm run trace, as a process', () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['infra/tools/trace-request.ts', ...args], { encoding: 'utf8', env: {} });

  test('output: is the same for each run, and the list has the stated number of files', () => {
    const { status, stdout, stderr } = run('--list', '--max-files', '1000', '--max-switches', '1000');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const files = stdout.match(/^lambda\/.*\.ts$/gm) ?? [];
    expect(files).toContain('lambda/request/receive.ts');
    expect(stdout).toContain(`files      ${files.length} in `);
    expect(stdout.split('\n').filter(line => line.length > 80)).toEqual([]);
    expect(run('--list', '--max-files', '1')).toMatchObject({ status: 1, stdout, stderr: '' });
  });

  test('--sequence: has one stretch more than switches; --max-switches fails above the limit', () => {
    const { status, stdout } = run('--sequence', '--max-switches', '1');
    const stretches = stdout.match(/^lambda\/.*\.ts$/gm) ?? [];
    expect(stdout).toContain(`switches   ${stretches.length - 1}\n`);
    expect(status).toBe(1);
  });

  test('limit: must be a number', () => {
    expect(run('--max-files', 'ten')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^--max/) });
  });
});
