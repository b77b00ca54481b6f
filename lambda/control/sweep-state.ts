import * as v from 'valibot';
import type { VersionedRow, VersionedStore } from './versioned-store.ts';

const heartbeat = v.looseObject({ at: v.number(), mostUrgent: v.optional(v.nullable(v.string())) });

/** Written at the end of each sweep. */
export interface Heartbeat {
  /** When the sweep ended, in epoch milliseconds. */
  readonly at: number;
  /** The open receipt that has used most of its legal time, so that the next sweep checks it again. */
  readonly mostUrgent: string | undefined;
}

/**
 * Stores the time when a sweep ended. The next sweep reads it, and so do the checks that the schedule runs. If two sweeps
 * end at once, one of the two writes is enough. Throws `unavailable` if the store cannot be reached.
 */
export async function writeHeartbeat(control: VersionedStore, { at, mostUrgent }: Heartbeat): Promise<void> {
  const current = (await control.read([heartbeatKey])).get(heartbeatKey);
  const parsed = v.safeParse(heartbeat, current?.value);
  // Keeps fields that another version of this code wrote.
  const value = { ...(parsed.success ? parsed.output : {}), at, mostUrgent: mostUrgent ?? null };
  await control.write(heartbeatKey, current?.revision ?? 0, value);
}

/** Returns the last heartbeat, or `undefined` if no sweep has ended yet. Throws like {@link writeHeartbeat}. */
export async function readHeartbeat(control: VersionedStore): Promise<Heartbeat | undefined> {
  const parsed = v.safeParse(heartbeat, (await control.read([heartbeatKey])).get(heartbeatKey)?.value);
  return parsed.success ? { at: parsed.output.at, mostUrgent: parsed.output.mostUrgent ?? undefined } : undefined;
}

const heartbeatKey = 'sweep';

const failureFields = v.looseObject({ since: v.number(), code: v.string(), isPermanent: v.boolean() });
const pullRow = v.looseObject({ nextAt: v.number(), failure: v.optional(v.nullable(failureFields)) });

/** Why the pulls from a platform fail: since when (epoch ms), the last code, and whether waiting cannot help. */
export interface PullFailure {
  readonly since: number;
  readonly code: string;
  readonly isPermanent: boolean;
}

/** When a platform is asked next (epoch ms), and its failure if the last pull did not complete. */
export interface PullState {
  readonly nextAt: number;
  readonly failure: PullFailure | undefined;
}

/**
 * Claims the pull from a platform until `until` (epoch ms), if it is due. Returns the state and whether this worker has
 * claimed it. After a crash the pull is due again when its claim expires. Throws `unavailable` if the store cannot be
 * reached.
 */
export async function claimPull(
  platform: string,
  control: VersionedStore,
  now: number,
  until: number,
): Promise<{ readonly state: PullState; readonly isClaimed: boolean }> {
  const row = await readPullRow(platform, control);
  const state = parsePullState(row);
  if (now < state.nextAt) return { state, isClaimed: false };
  const { written } = await control.write(pullKey(platform), row.revision, { ...pullFields(row), nextAt: until });
  return { state, isClaimed: written };
}

/** Returns the state of a platform's pulls; `undefined` before the first. Throws like {@link claimPull}. */
export async function readPull(platform: string, control: VersionedStore): Promise<PullState | undefined> {
  const row = await readPullRow(platform, control);
  return row.revision === 0 ? undefined : parsePullState(row);
}

/** After this time without a complete pull an alarm is raised, in milliseconds. */
const maxFailingMs = 86_400_000;

/** Returns whether a failure needs an operator: it is a refusal, or it has lasted for a day. */
export function needsOperator({ since, isPermanent }: PullFailure, now: number): boolean {
  return isPermanent || now - since >= maxFailingMs;
}

/** Stores the result of a pull. If another worker writes at once, one of the two writes is enough. */
export async function recordPull(platform: string, control: VersionedStore, state: PullState): Promise<void> {
  const row = await readPullRow(platform, control);
  const value = { ...pullFields(row), nextAt: state.nextAt, failure: state.failure ?? null };
  await control.write(pullKey(platform), row.revision, value);
}

async function readPullRow(platform: string, control: VersionedStore): Promise<VersionedRow> {
  return (await control.read([pullKey(platform)])).get(pullKey(platform)) ?? { revision: 0, value: undefined };
}

/** A row in an unknown format is due: one pull too many is harmless. */
function parsePullState({ value }: VersionedRow): PullState {
  const parsed = v.safeParse(pullRow, value);
  if (!parsed.success) return { nextAt: 0, failure: undefined };
  return { nextAt: parsed.output.nextAt, failure: parsed.output.failure ?? undefined };
}

/** Keeps fields that another version of this code wrote. */
function pullFields({ value }: VersionedRow): object {
  const parsed = v.safeParse(pullRow, value);
  return parsed.success ? parsed.output : {};
}

function pullKey(platform: string): string {
  return `pull#${platform}`;
}
