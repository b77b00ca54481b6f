import {
  isPauseScope,
  type Pause,
  type PauseScope,
  pause,
  readPausedScopes,
  readPauseHistory,
  resume,
} from '../../lambda/control/pauses.ts';
import type { ParsedArgs } from './args.ts';
import { decisionHelp, decisionOf, decisionOptions, OpsUsageError } from './args.ts';
import type { Command } from './command.ts';
import type { OpsContext } from './context.ts';
import { type Output, oneLine } from './terminal.ts';

const scopeHelp = `SCOPE is all, platform:NAME or project:NAME. While a pause stands, requests are accepted and nothing is deleted in it.
`;

export const pauseCommand: Command = {
  summary: 'delete nothing in a scope; requests are accepted all the same',
  options: decisionOptions,
  help: `npm run ops -- pause SCOPE --why "…"

${scopeHelp}
${decisionHelp}

  npm run ops -- pause all --why "the shop moves its data"
  npm run ops -- pause platform:ketch --why "ordered 900 deletions in an hour"
`,
  run: (typed, desk, output) => turn('pause', typed, desk, output),
};

export const resumeCommand: Command = {
  summary: 'let a paused scope go again',
  options: decisionOptions,
  help: `npm run ops -- resume SCOPE --why "…"

${scopeHelp}
${decisionHelp}

  npm run ops -- resume platform:ketch --why "Ketch confirmed the batch"
`,
  run: (typed, desk, output) => turn('resume', typed, desk, output),
};

export const pausesCommand: Command = {
  summary: 'what is paused, by whom and why',
  options: {},
  help: `npm run ops -- pauses [SCOPE ...]

Shows what is paused, or who turned the scopes that are named, when and why.

  npm run ops -- pauses
  npm run ops -- pauses platform:ketch --json
`,
  run: ({ positionals }, desk, output) =>
    positionals.length === 0 ? standing(desk, output) : history(positionals, desk, output),
};

/** Exit code 3 says that it was so already. */
async function turn(what: 'pause' | 'resume', typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number> {
  const [text, ...others] = typed.positionals;
  if (text === undefined || others.length > 0) throw new OpsUsageError(`${what}: name one scope`);
  const scope = scopeOf(text);
  // What is not in the settings holds nobody; a name that was there may still have to be let go.
  if (what === 'pause' && !isInSettings(scope, desk)) throw new OpsUsageError('SCOPE: names nothing of the settings');
  const { actor, reason, at } = decisionOf(typed, desk);
  const decided: Pause = { actor: actor, reason: reason, at };
  const changed = await (what === 'pause' ? pause : resume)(scope, decided, desk.control);
  const state = what === 'pause' ? 'paused' : 'not paused';
  if (output.json) output.printJson({ scope, paused: what === 'pause', changed });
  else output.print(`${scope}: ${changed ? `${state} now` : `was ${state} already`}`);
  return changed ? 0 : 3;
}

async function standing({ settings, control }: OpsContext, output: Output): Promise<number> {
  const paused = [...(await readPausedScopes(settings, control))];
  if (output.json) output.printJson({ paused });
  else if (paused.length === 0) output.print('nothing is paused');
  else for (const scope of paused) output.print(`${scope}: paused`);
  return 0;
}

async function history(scopes: readonly string[], { control }: OpsContext, output: Output): Promise<number> {
  const turns = await Promise.all(
    scopes.map(async text => [text, await readPauseHistory(scopeOf(text), control)] as const),
  );
  if (output.json) output.printJson(Object.fromEntries(turns));
  for (const [scope, all] of output.json ? [] : turns) {
    output.print(`${scope}: ${all.at(-1)?.action === 'pause' ? 'paused' : 'not paused'}`);
    for (const { at, actor, action, reason } of all)
      output.print(oneLine(`  ${new Date(at).toISOString()}  ${action} by ${actor}: ${reason}`));
  }
  return 0;
}

function isInSettings(scope: PauseScope, { settings }: OpsContext): boolean {
  const [kind, name = ''] = scope.split(':');
  if (kind === 'all') return true;
  return Object.hasOwn(kind === 'platform' ? settings.platforms : settings.projects, name);
}

function scopeOf(text: string): PauseScope {
  if (!isPauseScope(text)) throw new OpsUsageError('SCOPE: must be all, platform:NAME or project:NAME');
  return text;
}
