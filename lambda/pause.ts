import * as v from 'valibot';
import { Failure } from './failure.ts';
import type { ControlRow, ControlRows } from './receipts/control.ts';

/** What is paused: everything, one platform, or one project. Requests are accepted all the same, nothing is deleted. */
export type Scope = 'all' | `platform:${string}` | `project:${string}`;

export function isScope(text: string): text is Scope {
  return text === 'all' || /^(platform|project):[a-z][a-z0-9-]{0,39}$/.test(text);
}

/** Who paused, why and when (epoch milliseconds). */
export interface Pause {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

const decision = v.looseObject({ actor: v.string(), reason: v.string(), at: v.number() });
const pauseRow = v.looseObject({
  pause: v.nullable(decision),
  resumed: v.exactOptional(decision),
  /** Every turn, the newest last, as far as they are kept. */
  history: v.exactOptional(v.array(v.looseObject({ ...decision.entries, what: v.string() }))),
});

/** Turns of one scope that are kept. */
const mostHistory = 50;

/** Others that may pause or resume in between before this gives up. */
const mostTries = 8;

/** The scopes that a receipt of this platform in these projects falls under. */
export function scopesOf(platform: string, projects: readonly string[]): readonly Scope[] {
  return ['all', `platform:${platform}`, ...projects.map((project): Scope => `project:${project}`)];
}

/** How the scopes stand that are asked for. A row that cannot be read counts as a pause. */
export async function pausesOf(scopes: readonly Scope[], control: ControlRows): Promise<Pauses> {
  const rows = await control.read(scopes.map(keyOf));
  const stored = (scope: Scope) => rows.get(keyOf(scope)) ?? noRow;
  return {
    paused: new Set(scopes.filter(scope => isPaused(stored(scope)))),
    resumedAt: scope => resumedAt(stored(scope)),
  };
}

/** Everything that is paused of what settings hold. Throws `unavailable` when it cannot be told. */
export async function pausedScopes({ platforms, projects }: Named, control: ControlRows): Promise<ReadonlySet<Scope>> {
  const ofPlatforms = Object.keys(platforms).map((name): Scope => `platform:${name}`);
  const ofProjects = Object.keys(projects).map((name): Scope => `project:${name}`);
  return (await pausesOf(['all', ...ofPlatforms, ...ofProjects], control)).paused;
}

interface Named {
  readonly platforms: object;
  readonly projects: object;
}

export interface Pauses {
  readonly paused: ReadonlySet<Scope>;
  /** When a scope was last let go; zero when it never was. */
  resumedAt(scope: Scope): number;
}

const noRow: ControlRow = { revision: 0, value: undefined };

function isPaused({ revision, value }: ControlRow): boolean {
  if (revision === 0) return false;
  const parsed = v.safeParse(pauseRow, value);
  return !parsed.success || parsed.output.pause !== null;
}

function resumedAt({ value }: ControlRow): number {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? (parsed.output.resumed?.at ?? 0) : 0;
}

/** Pauses a scope; false when it is paused already, whose reason then stands. */
export function pause(scope: Scope, why: Pause, control: ControlRows): Promise<boolean> {
  return turn(scope, row => (isPaused(row) ? undefined : { pause: why, ...turned('pause', why, row) }), control);
}

/** Lets a scope go again and keeps who did so, and why; false when it was not paused. */
export function resume(scope: Scope, resumed: Pause, control: ControlRows): Promise<boolean> {
  const after = (row: ControlRow) => ({ pause: null, resumed, ...turned('resume', resumed, row) });
  return turn(scope, row => (isPaused(row) ? after(row) : undefined), control);
}

/** Who turned a scope, when and why, the oldest first. Throws as {@link pausesOf} does. */
export async function turnsOf(scope: Scope, control: ControlRows): Promise<readonly Turn[]> {
  return historyOf((await control.read([keyOf(scope)])).get(keyOf(scope)) ?? noRow);
}

export interface Turn extends Pause {
  readonly what: string;
}

function turned(what: string, why: Pause, row: ControlRow): { readonly history: readonly Turn[] } {
  return { history: [...historyOf(row), { ...why, what }].slice(-mostHistory) };
}

function historyOf({ value }: ControlRow): readonly Turn[] {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? (parsed.output.history ?? []) : [];
}

async function turn(scope: Scope, to: (row: ControlRow) => object | undefined, control: ControlRows): Promise<boolean> {
  const key = keyOf(scope);
  let standing = (await control.read([key])).get(key) ?? noRow;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const next = to(standing);
    if (next === undefined) return false;
    // What another version of this code wrote stays.
    const value = { ...known(standing), ...next };
    const { written, row: after } = await control.write(key, standing.revision, value);
    if (written) return true;
    standing = after;
  }
  throw new Failure('unavailable', 'the pause cannot be written', { alarm: 'store-unavailable' });
}

function known({ value }: ControlRow): object {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? parsed.output : {};
}

function keyOf(scope: Scope): string {
  return `pause#${scope}`;
}
