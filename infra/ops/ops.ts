import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { isScope, type Pause, pause, pausesOf, resume, type Scope } from '../../lambda/pause.ts';
import type { ControlRows } from '../../lambda/receipts/control.ts';
import { openControl, type Target } from './target.ts';

const help = `Pauses and resumes deletions. Requests are accepted all the same while a pause stands.

  npm run ops -- pauses SCOPE [SCOPE ...]    how scopes stand
  npm run ops -- pause  SCOPE --why "…"      delete nothing in this scope
  npm run ops -- resume SCOPE --why "…"      let it go again

SCOPE is all, platform:NAME or project:NAME.

  --why TEXT      the reason; it is kept with your name and the time (no personal data, please)
  --by NAME       who decides, if not the user of this machine
  --stage NAME    the stage that was deployed with -c stage=NAME
  --local FOLDER  a local run's DATA_DIR instead of AWS
`;

const options = {
  why: { type: 'string' },
  by: { type: 'string' },
  stage: { type: 'string' },
  local: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** What the person typed cannot be done: one clear line, exit code 2. */
class Refused extends Error {}

try {
  process.exitCode = await run();
} catch (error) {
  const message = error instanceof Refused || isUnknownOption(error) ? error.message : 'the table cannot be reached';
  console.error(message);
  process.exitCode = error instanceof Refused || isUnknownOption(error) ? 2 : 1;
}

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [command, ...scopes] = positionals;
  if (values.help === true || command === undefined) {
    process.stdout.write(help);
    return command === undefined && values.help !== true ? 2 : 0;
  }
  const control = openControl(targetOf(values));
  if (command === 'pauses') return show(scopes.map(scopeOf), control);
  const [scope] = scopes;
  if (command !== 'pause' && command !== 'resume') throw new Refused(`no such command; see --help`);
  if (scope === undefined || scopes.length > 1) throw new Refused(`${command}: name one scope`);
  return decide(command, scopeOf(scope), decisionOf(values), control);
}

async function show(scopes: readonly Scope[], control: ControlRows): Promise<number> {
  if (scopes.length === 0) throw new Refused('pauses: name the scopes');
  const { paused } = await pausesOf(scopes, control);
  for (const scope of scopes) console.log(`${scope}: ${paused.has(scope) ? 'paused' : 'not paused'}`);
  return 0;
}

/** Exit code 3 says that it was so already. */
async function decide(command: 'pause' | 'resume', scope: Scope, why: Pause, control: ControlRows): Promise<number> {
  const changed = await (command === 'pause' ? pause : resume)(scope, why, control);
  const done = command === 'pause' ? 'paused' : 'not paused any more';
  console.log(changed ? `${scope}: ${done}` : `${scope}: was ${command === 'pause' ? 'paused' : 'not paused'} already`);
  return changed ? 0 : 3;
}

function scopeOf(text: string): Scope {
  if (!isScope(text)) throw new Refused('SCOPE: must be all, platform:NAME or project:NAME');
  return text;
}

function decisionOf({ why, by }: { readonly why?: string | undefined; readonly by?: string | undefined }): Pause {
  if (why === undefined || why.trim() === '') throw new Refused('--why: must say the reason');
  return { actor: by ?? userInfo().username, reason: why, at: Date.now() };
}

function targetOf({
  stage,
  local,
}: {
  readonly stage?: string | undefined;
  readonly local?: string | undefined;
}): Target {
  if (local !== undefined) return { folder: local };
  return { table: stage === undefined ? 'erasure-receipts' : `erasure-${stage}-receipts` };
}

function isUnknownOption(error: unknown): error is Error {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
