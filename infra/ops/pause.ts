import {
  isPauseScope,
  type Pause,
  type PauseScope,
  pause,
  readPausedScopes,
  readPauseHistory,
  readPauses,
  resume,
} from '../../lambda/control/pauses.ts';
import { didYouMean, manualPlatform } from '../../lambda/domain/names.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { ParsedArgs } from './args.ts';
import { decisionHelp, decisionOf, decisionOptions, OpsUsageError } from './args.ts';
import type { Command, OpsContext } from './context.ts';
import { isoSeconds, type Output, oneLine, span } from './terminal.ts';

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

Shows what is paused: by whom, since when and why. A pause has no end of its
own: an operator resumes it. For the given scopes, shows every pause and resume.

  npm run ops -- pauses
  npm run ops -- pauses platform:ketch --json
`,
  run: ({ positionals }, context, output) =>
    positionals.length === 0 ? printPauses(context, output) : printHistory(positionals, context, output),
};

/** Pauses or resumes a scope. Returns exit code 3 if nothing had to change. */
async function changePause(
  what: 'pause' | 'resume',
  args: ParsedArgs,
  context: OpsContext,
  output: Output,
): Promise<number> {
  const [text, ...others] = args.positionals;
  if (text === undefined || others.length > 0) throw new OpsUsageError(`${what}: name one scope`);
  const scope = scopeOf(text);
  if (!knownScopes(context).includes(scope)) await checkUnknown(what, scope, context);
  const { actor, reason, at } = decisionOf(args, context);
  const decided: Pause = { actor, reason, at };
  const changed = await (what === 'pause' ? pause : resume)(scope, decided, context.control);
  const state = what === 'pause' ? 'paused' : 'not paused';
  const otherPauses = what === 'resume' ? await pausesOver(scope, context) : [];
  const stillPausedBy = otherPauses.map(one => one.scope);
  if (output.json)
    output.printJson({ scope, paused: what === 'pause', changed, ...(otherPauses.length > 0 && { stillPausedBy }) });
  else {
    output.print(`${scope}: ${changed ? `${state} now` : `was already ${state}`}`);
    if (otherPauses.length > 0) output.print(`requests are still stopped by the pause of ${stillPausedBy.join(', ')}:`);
    for (const line of otherPauses.flatMap(one => pauseLines(one, context.now()))) output.print(line, valueColumn);
  }
  return changed ? 0 : 3;
}

interface ActivePause {
  readonly scope: PauseScope;
  /** Absent if an unknown version wrote the pause. */
  readonly by?: string;
  readonly why?: string;
  readonly since?: string;
}

async function readActivePauses(context: OpsContext): Promise<readonly ActivePause[]> {
  const { settings, control } = context;
  const scopes = [...(await readPausedScopes(settings, control))];
  return Promise.all(
    scopes.map(async scope => {
      const last = (await readPauseHistory(scope, control)).at(-1);
      if (last?.action !== 'pause') return { scope };
      return { scope, by: last.actor, why: last.reason, since: isoSeconds(last.at) };
    }),
  );
}

async function printPauses(context: OpsContext, output: Output): Promise<number> {
  const pauses = await readActivePauses(context);
  if (output.json) output.printJson({ paused: pauses.map(({ scope }) => scope), pauses });
  else if (pauses.length === 0) output.print('nothing is paused');
  else for (const line of pauses.flatMap(one => pauseLines(one, context.now()))) output.print(line, valueColumn);
  return 0;
}

/** Where the values of a pause start. */
const valueColumn = 9;

function pauseLines({ scope, by = 'unknown', why = 'unknown', since }: ActivePause, now: number): readonly string[] {
  const age = since === undefined ? 'unknown' : `${since} (${span(now - Date.parse(since))} ago)`;
  return [
    `${scope}: paused`,
    `  by     ${oneLine(by)}`,
    `  since  ${age}`,
    `  why    ${oneLine(why)}`,
    '  until  an operator resumes it:',
    `         npm run ops -- resume ${scope} --why "…"`,
  ];
}

/** Returns the pauses that still stop requests of a scope, which is itself not paused. */
async function pausesOver(scope: PauseScope, context: OpsContext): Promise<readonly ActivePause[]> {
  return (await readActivePauses(context)).filter(one => overlaps(scope, one.scope, context));
}

/** A platform and a project overlap if the requests of the platform are routed to the project. */
function overlaps(one: PauseScope, other: PauseScope, { settings }: OpsContext): boolean {
  if (one === 'all' || other === 'all') return true;
  const nameIn = (kind: string) => [one, other].find(scope => scope.startsWith(kind))?.slice(kind.length);
  const [platform, project] = [nameIn('platform:'), nameIn('project:')];
  if (platform === undefined || project === undefined) return one === other;
  const routed = openPlatforms(settings.platforms).get(platform)?.projects;
  return routed === undefined || routed.includes(project);
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

function knownScopes({ settings }: OpsContext): readonly string[] {
  const platforms = [...Object.keys(settings.platforms), manualPlatform].map(name => `platform:${name}`);
  return ['all', ...platforms, ...Object.keys(settings.projects).map(name => `project:${name}`)];
}

/** A platform or project that left the settings can only be resumed. Throws {@link OpsUsageError} if it is not paused. */
async function checkUnknown(what: 'pause' | 'resume', scope: PauseScope, context: OpsContext): Promise<void> {
  const known = knownScopes(context);
  if (what === 'pause')
    throw new OpsUsageError(`SCOPE: is not in the settings: must be ${known.join(', ')}${didYouMean(scope, known)}`);
  if ((await readPauses([scope], context.control)).paused.has(scope)) return;
  const paused = [...(await readPausedScopes(context.settings, context.control))];
  const list = paused.length === 0 ? 'nothing is paused' : `paused: ${paused.join(', ')}`;
  throw new OpsUsageError(`SCOPE: is not in the settings, and not paused; ${list}`);
}

function scopeOf(text: string): PauseScope {
  if (!isPauseScope(text)) throw new OpsUsageError('SCOPE: must be all, platform:NAME or project:NAME');
  return text;
}
