import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { duplicateExports } from './duplicate-exports.ts';
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

await runTool(help, { root: { type: 'string' } }, async ({ root }) => {
  const cwd = typeof root === 'string' ? root : join(import.meta.dirname, '../..');
  const files = globSync('{lambda,infra}/**/*.ts', { cwd }).sort();
  const sources = files.map(file => ({ file, text: readFileSync(join(cwd, file), 'utf8') }));
  const duplicates = duplicateExports(sources).filter(({ name, files: exporting }) => !isEntryPoint(name, exporting));
  for (const { name, files: exporting } of duplicates) console.error(`${name}: ${exporting.join(', ')}`);
  console.log(`${files.length} files, ${duplicates.length} exported names that are shared`);
  return duplicates.length === 0 && files.length > 0 ? 0 : 1;
});
