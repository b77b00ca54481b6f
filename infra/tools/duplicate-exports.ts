import ts from 'typescript';

export interface SourceText {
  readonly file: string;
  readonly text: string;
}

export interface DuplicateExport {
  readonly name: string;
  readonly files: readonly string[];
}

/**
 * Returns the names that several files export for symbols of their own, by name. Default exports and re-exports do not
 * count; what one file declares twice under a name (overloads, a type and a constant) counts once.
 */
export function duplicateExports(sources: readonly SourceText[]): readonly DuplicateExport[] {
  const files = new Map<string, string[]>();
  for (const { file, text } of sources) {
    const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
    for (const name of exportedNames(parsed)) files.set(name, [...(files.get(name) ?? []), file]);
  }
  return [...files]
    .filter(([, exporting]) => exporting.length > 1)
    .map(([name, exporting]) => ({ name, files: exporting.toSorted() }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function exportedNames({ statements }: ts.SourceFile): ReadonlySet<string> {
  const imported = new Set(statements.flatMap(importedNames));
  return new Set(statements.flatMap(statement => [...declaredNames(statement), ...listedNames(statement, imported)]));
}

/** Names of `export const`, `export function` and the like. */
function declaredNames(statement: ts.Statement): readonly string[] {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  const has = (kind: ts.SyntaxKind) => modifiers.some(modifier => modifier.kind === kind);
  if (!has(ts.SyntaxKind.ExportKeyword) || has(ts.SyntaxKind.DefaultKeyword)) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(name));
  }
  const isDeclaration =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  return isDeclaration && statement.name !== undefined ? [statement.name.text] : [];
}

function boundNames(name: ts.BindingName): readonly string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap(element => (ts.isBindingElement(element) ? boundNames(element.name) : []));
}

/** Names of `export { a, b as c }` for symbols of this file. */
function listedNames(statement: ts.Statement, imported: ReadonlySet<string>): readonly string[] {
  if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier !== undefined) return [];
  // Without a module, nothing but a list can follow `export`.
  return (statement.exportClause as ts.NamedExports).elements
    .filter(({ name, propertyName }) => name.text !== 'default' && !imported.has((propertyName ?? name).text))
    .map(({ name }) => name.text);
}

function importedNames(statement: ts.Statement): readonly string[] {
  const clause = ts.isImportDeclaration(statement) ? statement.importClause : undefined;
  const { name, namedBindings: bindings } = clause ?? {};
  const whole = name === undefined ? [] : [name.text];
  if (bindings === undefined) return whole;
  return ts.isNamespaceImport(bindings)
    ? [...whole, bindings.name.text]
    : [...whole, ...bindings.elements.map(element => element.name.text)];
}
