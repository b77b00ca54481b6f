import { registerHooks } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { runTool } from './run-tool.ts';

const help = `Sends one Ketch erasure request through the handler that Lambda runs, over local
services (SQLite, a sandbox Voucherify, no network), and prints how much of
lambda/ it executes.

  npm run trace
  npm run trace -- --list
  npm run trace -- --max-files 25 --max-switches 70

  --list            the files in the order in which they are first entered,
                    with the calls in each
  --sequence        every change of file, with the calls up to the next one
  --max-files N     exit code 1 if more files are executed
  --max-switches N  exit code 1 if there are more switches

What is counted, from the event to the reply:
  function  a function of lambda/ with a name: a declaration, a method, or the
            value of a variable or property. A callback in an argument is a
            part of the function around it.
  call      one entry into a function
  file      a file in which at least one function is entered
  switch    two successive calls that enter functions of different files
Adapters of infra/local replace those of lambda/ that call AWS; what an adapter
calls is not counted. The clock and the random numbers are fixed, so that every
run prints the same.
Exit code 1 also if the reply is not 200.
`;

const root = join(import.meta.dirname, '../..');
const lambda = pathToFileURL(join(root, 'lambda/')).href;
const functions: TracedFunction[] = [];
const trace: TracedFunction[] = [];
let isRecording = () => false;

const options = { list: { type: 'boolean' }, sequence: { type: 'boolean' } } as const;
const limits = { 'max-files': { type: 'string' }, 'max-switches': { type: 'string' } } as const;

/** Makes every module of lambda/ that is loaded from now on record its calls. */
function instrumentLambda(): void {
  const enter = (number: number) => {
    const entered = functions[number];
    if (isRecording() && entered !== undefined) trace.push(entered);
  };
  Reflect.set(globalThis, 'traceEnter', enter);
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      if (!url.startsWith(lambda) || !url.endsWith('.ts')) return loaded;
      const file = relative(root, fileURLToPath(url));
      const register = (traced: TracedFunction) => functions.push(traced) - 1;
      return { ...loaded, source: instrument(file, String(loaded.source), 'globalThis.traceEnter', register) };
    },
  });
}

/** Throws if a limit is not a number. */
function parseLimit(limit: unknown): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (typeof limit !== 'string' || !/^\d+$/.test(limit))
    throw new Error('--max-files and --max-switches must be numbers');
  return Number(limit);
}

/** A function of the source, as a trace names it. */
export interface TracedFunction {
  readonly file: string;
  readonly name: string;
}

/**
 * Returns the source with `enter(NUMBER)` inserted where each named function starts; lines keep their numbers. Named
 * are declarations, methods, accessors and constructors, and what is the value of a variable or a property. Other
 * functions, such as a callback in an argument, are a part of the function around them. `enter` is JavaScript;
 * `register` returns the number of a function.
 */
export function instrument(
  file: string,
  source: string,
  enter: string,
  register: (traced: TracedFunction) => number,
): string {
  const insertions: { readonly at: number; readonly text: string }[] = [];
  const visit = (node: ts.Node): void => {
    const body = bodyOf(node);
    const name = nameOf(node);
    if (body !== undefined && name !== undefined) {
      const call = `${enter}(${register({ file, name })})`;
      if (ts.isBlock(body)) insertions.push({ at: body.getStart() + 1, text: `${call};` });
      else insertions.push({ at: body.getStart(), text: `(${call},` }, { at: body.getEnd(), text: ')' });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true));
  return insertions
    .sort((one, other) => other.at - one.at)
    .reduce((text, { at, text: inserted }) => text.slice(0, at) + inserted + text.slice(at), source);
}

/** Returns `undefined` for other nodes than functions, and for a declaration without a body. */
function bodyOf(node: ts.Node): ts.ConciseBody | undefined {
  if (ts.isArrowFunction(node)) return node.body;
  return ts.isFunctionExpression(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isConstructorDeclaration(node)
    ? node.body
    : undefined;
}

function nameOf(node: ts.Node): string | undefined {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (ts.isFunctionExpression(node) || ts.isArrowFunction(node)) {
    const { parent } = node;
    const isValue = ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent);
    return isValue ? parent.name.getText() : node.name?.getText();
  }
  return ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isAccessor(node)
    ? node.name?.getText()
    : undefined;
}

export interface TraceFigures {
  readonly files: number;
  readonly folders: number;
  /** Distinct functions. */
  readonly functions: number;
  readonly calls: number;
  /** Pairs of successive calls that enter functions of different files. */
  readonly switches: number;
}

/** Counts a trace: the functions in the order in which they were entered. */
export function countTrace(trace: readonly TracedFunction[]): TraceFigures {
  const files = new Set(trace.map(({ file }) => file));
  return {
    files: files.size,
    folders: new Set([...files].map(file => dirname(file))).size,
    functions: new Set(trace).size,
    calls: trace.length,
    switches: Math.max(0, stretchesOf(trace).length - 1),
  };
}

interface Stretch {
  readonly file: string;
  readonly names: readonly string[];
}

/** Groups successive calls in the same file. */
export function stretchesOf(trace: readonly TracedFunction[]): readonly Stretch[] {
  const stretches: { file: string; names: string[] }[] = [];
  for (const { file, name } of trace) {
    const last = stretches.at(-1);
    if (last?.file === file) last.names.push(name);
    else stretches.push({ file, names: [name] });
  }
  return stretches;
}

/** Returns the files in the order in which they are first entered, each with all its calls. */
export function filesOf(trace: readonly TracedFunction[]): readonly Stretch[] {
  const files = Map.groupBy(trace, ({ file }) => file);
  return [...files].map(([file, calls]) => ({ file, names: calls.map(({ name }) => name) }));
}

/** Formats files with their calls, at most 80 columns wide; a name that occurs n times ends with ` xn`. */
export function linesOf(list: readonly Stretch[]): string {
  return list.map(({ file, names }) => `${file}\n${wrapNames(withCounts(names))}`).join('');
}

function withCounts(names: readonly string[]): readonly string[] {
  const times = Map.groupBy(names, name => name);
  return [...times].map(([name, { length }]) => (length === 1 ? name : `${name} x${length}`));
}

function wrapNames(names: readonly string[]): string {
  const lines: string[] = [];
  let line = '   ';
  for (const [index, name] of names.entries()) {
    const word = index + 1 < names.length ? ` ${name},` : ` ${name}`;
    if (line.length + word.length > 80) {
      lines.push(line);
      line = '   ';
    }
    line += word;
  }
  return [...lines, line].map(text => `${text}\n`).join('');
}

if (import.meta.main)
  await runTool(help, { ...options, ...limits }, async values => {
    const [maxFiles, maxSwitches] = [parseLimit(values['max-files']), parseLimit(values['max-switches'])];
    instrumentLambda();
    const { isInRequestPath, sendTracedRequest } = await import('./traced-request.ts');
    const status = await sendTracedRequest(
      () => {
        isRecording = isInRequestPath;
      },
      () => {
        isRecording = () => false;
      },
    );
    const figures = countTrace(trace);
    if (values['list'] === true) process.stdout.write(linesOf(filesOf(trace)));
    if (values['sequence'] === true) process.stdout.write(linesOf(stretchesOf(trace)));
    console.log(`status     ${status}`);
    console.log(`files      ${figures.files} in ${figures.folders} folders`);
    console.log(`functions  ${figures.functions} in ${figures.calls} calls`);
    console.log(`switches   ${figures.switches}`);
    const fits = figures.files <= maxFiles && figures.switches <= maxSwitches;
    return status === 200 && fits ? 0 : 1;
  });
