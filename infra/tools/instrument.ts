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
