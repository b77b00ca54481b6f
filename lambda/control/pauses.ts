import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import { manualPlatform, namePattern } from '../domain/names.ts';
import type { VersionedRow, VersionedStore } from './versioned-store.ts';

/** What a pause covers: everything, one platform or one project. Requests are still accepted, but nothing is deleted. */
export type PauseScope = 'all' | `platform:${string}` | `project:${string}`;

export function isPauseScope(text: string): text is PauseScope {
  return text === 'all' || new RegExp(`^(platform|project):${namePattern}$`).test(text);
}

/** Who paused or resumed, why, and when (epoch milliseconds). */
export interface Pause {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

const decision = v.looseObject({ actor: v.string(), reason: v.string(), at: v.number() });
const pauseRow = v.looseObject({
  pause: v.nullable(decision),
  resumed: v.exactOptional(decision),
  /** The last {@link maxHistory} changes, the newest last. */
  history: v.exactOptional(v.array(v.looseObject({ ...decision.entries, action: v.string() }))),
});

/** The number of changes that are stored for each scope. */
const maxHistory = 50;

/** How often a write is tried when others change the pause at the same time. */
const maxTries = 8;

/** Returns the scopes that cover a receipt of this platform in these projects. */
export function scopesOf(platform: string, projects: readonly string[]): readonly PauseScope[] {
  return ['all', `platform:${platform}`, ...projects.map((project): PauseScope => `project:${project}`)];
}

/** Reads the pauses of these scopes. A row in an unknown format counts as a pause. */
export async function readPauses(scopes: readonly PauseScope[], control: VersionedStore): Promise<Pauses> {
  const rows = await control.read(scopes.map(keyOf));
  const stored = (scope: PauseScope) => rows.get(keyOf(scope)) ?? noRow;
  return {
    paused: new Set(scopes.filter(scope => isPaused(stored(scope)))),
    resumedAt: scope => fieldsOf(stored(scope)).resumed?.at ?? 0,
  };
}

/**
 * Returns every paused scope of those in settings, and of requests by hand. Throws `unavailable` if the store cannot be
 * reached.
 */
export async function readPausedScopes(
  { platforms, projects }: { readonly platforms: object; readonly projects: object },
  control: VersionedStore,
): Promise<ReadonlySet<PauseScope>> {
  const ofPlatforms = [...Object.keys(platforms), manualPlatform].map((name): PauseScope => `platform:${name}`);
  const ofProjects = Object.keys(projects).map((name): PauseScope => `project:${name}`);
  return (await readPauses(['all', ...ofPlatforms, ...ofProjects], control)).paused;
}

export interface Pauses {
  readonly paused: ReadonlySet<PauseScope>;
  /** When a scope was last resumed; zero if it never was. */
  resumedAt(scope: PauseScope): number;
}

const noRow: VersionedRow = { revision: 0, value: undefined };

function isPaused({ revision, value }: VersionedRow): boolean {
  if (revision === 0) return false;
  const parsed = v.safeParse(pauseRow, value);
  return !parsed.success || parsed.output.pause !== null;
}

/** Returns the fields of a row; none if its format is unknown. */
function fieldsOf({ value }: VersionedRow): Partial<v.InferOutput<typeof pauseRow>> {
  const parsed = v.safeParse(pauseRow, value);
  return parsed.success ? parsed.output : {};
}

/** Pauses a scope. Returns false if it is already paused: the first reason is kept. */
export function pause(scope: PauseScope, why: Pause, control: VersionedStore): Promise<boolean> {
  return updatePause(
    scope,
    row => (isPaused(row) ? undefined : { pause: why, ...historyWith('pause', why, row) }),
    control,
  );
}

/** Resumes a scope and stores who did so and why. Returns false if it was not paused. */
export function resume(scope: PauseScope, resumed: Pause, control: VersionedStore): Promise<boolean> {
  const resumedRow = (row: VersionedRow) => ({ pause: null, resumed, ...historyWith('resume', resumed, row) });
  return updatePause(scope, row => (isPaused(row) ? resumedRow(row) : undefined), control);
}

/** Returns who paused and resumed a scope, when and why, the oldest first. Throws like {@link readPauses}. */
export async function readPauseHistory(scope: PauseScope, control: VersionedStore): Promise<readonly PauseChange[]> {
  return fieldsOf((await control.read([keyOf(scope)])).get(keyOf(scope)) ?? noRow).history ?? [];
}

export interface PauseChange extends Pause {
  readonly action: string;
}

function historyWith(action: string, why: Pause, row: VersionedRow): { readonly history: readonly PauseChange[] } {
  return { history: [...(fieldsOf(row).history ?? []), { ...why, action }].slice(-maxHistory) };
}

async function updatePause(
  scope: PauseScope,
  change: (row: VersionedRow) => object | undefined,
  control: VersionedStore,
): Promise<boolean> {
  const key = keyOf(scope);
  let current = (await control.read([key])).get(key) ?? noRow;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const next = change(current);
    if (next === undefined) return false;
    // Keeps fields that another version of this code wrote.
    const value = { ...fieldsOf(current), ...next };
    const { written, row } = await control.write(key, current.revision, value);
    if (written) return true;
    current = row;
  }
  throw new Failure('unavailable', 'the pause cannot be written', { alarm: 'store-unavailable' });
}

function keyOf(scope: PauseScope): string {
  return `pause#${scope}`;
}
