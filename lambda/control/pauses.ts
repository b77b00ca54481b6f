import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import { namePattern } from '../domain/names.ts';
import type { VersionedRow, VersionedStore } from './versioned-store.ts';

/** What is paused: everything, one platform, or one project. Requests are accepted all the same, nothing is deleted. */
export type PauseScope = 'all' | `platform:${string}` | `project:${string}`;

export function isPauseScope(text: string): text is PauseScope {
  return text === 'all' || new RegExp(`^(platform|project):${namePattern}$`).test(text);
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
  history: v.exactOptional(v.array(v.looseObject({ ...decision.entries, action: v.string() }))),
});

/** Turns of one scope that are kept. */
const mostHistory = 50;

/** Others that may pause or resume in between before this gives up. */
const mostTries = 8;

/** The scopes that a receipt of this platform in these projects falls under. */
export function scopesOf(platform: string, projects: readonly string[]): readonly PauseScope[] {
  return ['all', `platform:${platform}`, ...projects.map((project): PauseScope => `project:${project}`)];
}

/** How the scopes stand that are asked for. A row that cannot be read counts as a pause. */
export async function readPauses(scopes: readonly PauseScope[], control: VersionedStore): Promise<Pauses> {
  const rows = await control.read(scopes.map(keyOf));
  const stored = (scope: PauseScope) => rows.get(keyOf(scope)) ?? noRow;
  return {
    paused: new Set(scopes.filter(scope => isPaused(stored(scope)))),
    resumedAt: scope => resumedAt(stored(scope)),
  };
}

/** Everything that is paused of what settings hold. Throws `unavailable` when it cannot be told. */
export async function readPausedScopes(
  { platforms, projects }: Named,
  control: VersionedStore,
): Promise<ReadonlySet<PauseScope>> {
  const ofPlatforms = Object.keys(platforms).map((name): PauseScope => `platform:${name}`);
  const ofProjects = Object.keys(projects).map((name): PauseScope => `project:${name}`);
  return (await readPauses(['all', ...ofPlatforms, ...ofProjects], control)).paused;
}

interface Named {
  readonly platforms: object;
  readonly projects: object;
}

export interface Pauses {
  readonly paused: ReadonlySet<PauseScope>;
  /** When a scope was last let go; zero when it never was. */
  resumedAt(scope: PauseScope): number;
}

const noRow: VersionedRow = { revision: 0, value: undefined };

function isPaused({ revision, value }: VersionedRow): boolean {
  if (revision === 0) return false;
  const parsed = v.safeParse(pauseRow, value);
  return !parsed.success || parsed.output.pause !== null;
}

function resumedAt({ value }: VersionedRow): number {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? (parsed.output.resumed?.at ?? 0) : 0;
}

/** Pauses a scope; false when it is paused already, whose reason then stands. */
export function pause(scope: PauseScope, why: Pause, control: VersionedStore): Promise<boolean> {
  return updatePause(
    scope,
    row => (isPaused(row) ? undefined : { pause: why, ...historyWith('pause', why, row) }),
    control,
  );
}

/** Lets a scope go again and keeps who did so, and why; false when it was not paused. */
export function resume(scope: PauseScope, resumed: Pause, control: VersionedStore): Promise<boolean> {
  const after = (row: VersionedRow) => ({ pause: null, resumed, ...historyWith('resume', resumed, row) });
  return updatePause(scope, row => (isPaused(row) ? after(row) : undefined), control);
}

/** Who turned a scope, when and why, the oldest first. Throws as {@link readPauses} does. */
export async function readPauseHistory(scope: PauseScope, control: VersionedStore): Promise<readonly PauseChange[]> {
  return historyOf((await control.read([keyOf(scope)])).get(keyOf(scope)) ?? noRow);
}

export interface PauseChange extends Pause {
  readonly action: string;
}

function historyWith(action: string, why: Pause, row: VersionedRow): { readonly history: readonly PauseChange[] } {
  return { history: [...historyOf(row), { ...why, action }].slice(-mostHistory) };
}

function historyOf({ value }: VersionedRow): readonly PauseChange[] {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? (parsed.output.history ?? []) : [];
}

async function updatePause(
  scope: PauseScope,
  to: (row: VersionedRow) => object | undefined,
  control: VersionedStore,
): Promise<boolean> {
  const key = keyOf(scope);
  let standing = (await control.read([key])).get(key) ?? noRow;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const next = to(standing);
    if (next === undefined) return false;
    // What another version of this code wrote stays.
    const value = { ...knownFields(standing), ...next };
    const { written, row: after } = await control.write(key, standing.revision, value);
    if (written) return true;
    standing = after;
  }
  throw new Failure('unavailable', 'the pause cannot be written', { alarm: 'store-unavailable' });
}

function knownFields({ value }: VersionedRow): object {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? parsed.output : {};
}

function keyOf(scope: PauseScope): string {
  return `pause#${scope}`;
}
