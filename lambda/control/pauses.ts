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

/**
 * The row that legal-holds.ts writes. `until`: no legal hold is in effect from then on. `since`: when the first of the holds
 * that made the row count began. In epoch milliseconds.
 */
export const anyHoldRow = v.looseObject({ until: v.number(), since: v.number() });
export const anyHoldKey = 'legal-holds';

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
  return pausesIn(await control.read(scopes.map(keyOf)), scopes);
}

/**
 * Reads what stops a receipt, in one read: the pauses of its platform and projects, and whether legal holds must be checked.
 * A row in an unknown format counts as a pause or as a hold. Throws `unavailable` if the store cannot be reached.
 */
export async function readStops(
  { platform, projects }: { readonly platform: string; readonly projects: object },
  control: VersionedStore,
  now: number,
): Promise<Stops> {
  const scopes = scopesOf(platform, Object.keys(projects));
  const rows = await control.read([...scopes.map(keyOf), anyHoldKey]);
  return { ...pausesIn(rows, scopes), holdsExist: mayHoldExist(rows.get(anyHoldKey) ?? noRow, now) };
}

function pausesIn(rows: ReadonlyMap<string, VersionedRow>, scopes: readonly PauseScope[]): Pauses {
  const stored = scopes.map(scope => [scope, rows.get(keyOf(scope)) ?? noRow] as const);
  return {
    paused: new Set(stored.flatMap(([scope, row]) => (isPaused(row) ? [scope] : []))),
    resumedAt: new Map(stored.map(([scope, row]) => [scope, fieldsOf(row).resumed?.at ?? 0])),
  };
}

/** Returns whether any legal hold can be in effect. A row in an unknown format counts as one. */
function mayHoldExist({ revision, value }: VersionedRow, now: number): boolean {
  if (revision === 0) return false;
  const parsed = v.safeParse(anyHoldRow, value);
  return !parsed.success || parsed.output.until > now;
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
  /** When each scope was last resumed; zero if it never was. */
  readonly resumedAt: ReadonlyMap<PauseScope, number>;
}

/** What stops an erasure before it begins. */
export interface Stops extends Pauses {
  /** Whether any legal hold can be in effect: then the holds are read before each deletion. */
  readonly holdsExist: boolean;
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
