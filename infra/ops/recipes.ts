import * as v from 'valibot';
import { resolveSettings } from '../../lambda/platforms/generic/schema.ts';
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { OfflineCommand } from './context.ts';
import { listRecipes, readRecipe } from './packaged-files.ts';
import type { Output } from './terminal.ts';

export const recipesCommand: OfflineCommand = {
  summary: 'list the recipes for generic platforms, or print one',
  options: {},
  help: `npm run ops -- recipes [NAME]

Lists the recipes: for each, how the platform is authenticated or how often it
is asked, and how it learns the outcome. With NAME, prints that recipe, which is
a complete settings file. docs/platforms/recipes.md has the steps for each.

  npm run ops -- recipes
  npm run -s ops -- recipes osano > my-settings.json
`,
  runOffline: async (args, output) => showRecipes(args, output),
};

function showRecipes({ positionals }: ParsedArgs, output: Output): number {
  const names = listRecipes();
  const [name, ...others] = positionals;
  if (name === undefined) {
    printAll(
      names.map(one => describeRecipe(one, parseSettings(readRecipe(one), 'deployed'))),
      output,
    );
    return 0;
  }
  if (others.length > 0 || !names.includes(name)) {
    throw new OpsUsageError(`NAME: must be one of ${names.join(', ')}`);
  }
  output.print(readRecipe(name).trimEnd());
  return 0;
}

interface RecipeSummary {
  readonly name: string;
  readonly how: string;
  readonly outcome: string;
}

function describeRecipe(name: string, { platforms }: Settings): RecipeSummary {
  const { proofs, pull, callback } = resolveSettings(v.parse(genericSettings, platforms[name]));
  const asked = pull === undefined ? [] : [`asked every ${pull.everyMinutes} minutes`];
  const how = [...proofs.map(({ kind }) => kind), ...asked].join(' and ');
  return { name, how, outcome: callback === undefined ? 'reply' : `${callback.method} to the platform` };
}

function printAll(recipes: readonly RecipeSummary[], output: Output): void {
  if (output.json) {
    output.printJson(recipes);
    return;
  }
  const width = (key: keyof RecipeSummary) => Math.max(...recipes.map(one => one[key].length));
  for (const { name, how, outcome } of recipes) {
    output.print(`${name.padEnd(width('name'))}  ${how.padEnd(width('how'))}  ${outcome}`);
  }
}
