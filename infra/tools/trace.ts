import { dirname } from 'node:path';
import ts from 'typescript';

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
