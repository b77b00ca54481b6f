import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether this is the npm package: there, the tool is one file, and what it reads is in the same folder. */
const isPackage = !import.meta.filename.endsWith('.ts');
const folder = isPackage ? import.meta.dirname : join(import.meta.dirname, '../..');

/** Path of the settings that the tool uses by default. An application with the package has its own layout. */
export const defaultSettingsFile = isPackage ? 'erasure-settings.json' : 'infra/settings.json';

/** Path of the settings schema. */
export const schemaFile = join(folder, isPackage ? '' : 'infra', 'settings.schema.json');
const recipesFolder = join(folder, isPackage ? '' : 'docs/platforms', 'recipes');

/** Returns the names of all recipes. */
export function listRecipes(): readonly string[] {
  return readdirSync(recipesFolder).map(file => file.replace(/\.json$/, ''));
}

/** Returns the text of a recipe, which is a settings file. Throws Node's error for an unknown name. */
export function readRecipe(name: string): string {
  return readFileSync(join(recipesFolder, `${name}.json`), 'utf8');
}

/** Returns the text of the settings schema. */
export function readSchema(): string {
  return readFileSync(schemaFile, 'utf8');
}
