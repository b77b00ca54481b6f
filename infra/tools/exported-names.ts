import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { runTool } from './run-tool.ts';

const help = `Checks that no two exported symbols of lambda/ and infra/ share a name, and
prints each name that does, with its files.

  npm run names

  --root FOLDER  the folder that holds lambda/ and infra/, if not this project

Functions, classes, constants, interfaces and types count. Default exports,
re-exports of a symbol and the \`handler\` of each Lambda entry do not. Exit code
1 if a name is shared, or if there is no file to check.
`;

/** Lambda calls the export named `handler` of each entry; no module imports it. */
const isEntryPoint = (name: string, files: readonly string[]) =>
  name === 'handler' && files.every(file => /^lambda\/[\w-]+\.ts$/.test(file));

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

if (import.meta.main)
  await runTool(help, { root: { type: 'string' } }, async ({ root }) => {
    const cwd = typeof root === 'string' ? root : join(import.meta.dirname, '../..');
    const files = globSync('{lambda,infra}/**/*.ts', { cwd }).sort();
    const sources = files.map(file => ({ file, text: readFileSync(join(cwd, file), 'utf8') }));
    const duplicates = duplicateExports(sources).filter(({ name, files: exporting }) => !isEntryPoint(name, exporting));
    for (const { name, files: exporting } of duplicates) console.error(`${name}: ${exporting.join(', ')}`);
    console.log(`${files.length} files, ${duplicates.length} exported names that are shared`);
    return duplicates.length === 0 && files.length > 0 ? 0 : 1;
  });
