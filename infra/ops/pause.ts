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

const scopeHelp = `SCOPE is all, platform:NAME or project:NAME. During a pause, requests are still
accepted, but nothing is deleted in that scope.
`;

export const pauseCommand: Command = {
  summary: 'stop deletions in a scope; requests are still accepted',
  options: decisionOptions,
  help: `npm run ops -- pause SCOPE --why "…"

${scopeHelp}
${decisionHelp}

  npm run ops -- pause all --why "the shop migrates its data"
  npm run ops -- pause platform:ketch --why "ordered 900 deletions in an hour"
`,
  run: (args, context, output) => changePause('pause', args, context, output),
};

export const resumeCommand: Command = {
  summary: 'resume deletions in a paused scope',
  options: decisionOptions,
  help: `npm run ops -- resume SCOPE --why "…"

${scopeHelp}
${decisionHelp}

  npm run ops -- resume platform:ketch --why "Ketch confirmed the batch"
`,
  run: (args, context, output) => changePause('resume', args, context, output),
};

export const pausesCommand: Command = {
  summary: 'show what is paused, by whom and why',
  options: {},
  help: `npm run ops -- pauses [SCOPE ...]

Shows what is paused. For the given scopes, shows who paused and resumed them,
when and why.

  npm run ops -- pauses
  npm run ops -- pauses platform:ketch --json
`,
  run: ({ positionals }, context, output) =>
    positionals.length === 0 ? printPauses(context, output) : printHistory(positionals, context, output),
};

/** Pauses or resumes a scope. Rehistories exit code 3 if nothing had to change. */
async function changePause(
  what: 'pause' | 'resume',
  args: ParsedArgs,
  context: OpsContext,
  output: Output,
): Promise<number> {
  const [text, ...others] = args.positionals;
  if (text === undefined || others.length > 0) throw new OpsUsageError(`${what}: name one scope`);
  const scope = scopeOf(text);
  // A removed platform or project may still have to be resumed.
  if (what === 'pause' && !isInSettings(scope, context))
    throw new OpsUsageError('SCOPE: is not configured in the settings');
  const { actor, reason, at } = decisionOf(args, context);
  const decided: Pause = { actor, reason, at };
  const changed = await (what === 'pause' ? pause : resume)(scope, decided, context.control);
  const state = what === 'pause' ? 'paused' : 'not paused';
  if (output.json) output.printJson({ scope, paused: what === 'pause', changed });
  else output.print(`${scope}: ${changed ? `${state} now` : `was already ${state}`}`);
  return changed ? 0 : 3;
}

async function printPauses({ settings, control }: OpsContext, output: Output): Promise<number> {
  const paused = [...(await readPausedScopes(settings, control))];
  if (output.json) output.printJson({ paused });
  else if (paused.length === 0) output.print('nothing is paused');
  else for (const scope of paused) output.print(`${scope}: paused`);
  return 0;
}

async function printHistory(scopes: readonly string[], { control }: OpsContext, output: Output): Promise<number> {
  const histories = await Promise.all(
    scopes.map(async text => [text, await readPauseHistory(scopeOf(text), control)] as const),
  );
  if (output.json) output.printJson(Object.fromEntries(histories));
  for (const [scope, all] of output.json ? [] : histories) {
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
