import * as v from 'valibot';
import type { VersionedStore } from './versioned-store.ts';

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
  const current = (await control.read([key])).get(key);
  const parsed = v.safeParse(heartbeat, current?.value);
  // Keeps fields that another version of this code wrote.
  const value = { ...(parsed.success ? parsed.output : {}), at, mostUrgent: mostUrgent ?? null };
  await control.write(key, current?.revision ?? 0, value);
}

/** Returns the last heartbeat, or `undefined` if no sweep has ended yet. Throws like {@link writeHeartbeat}. */
export async function readHeartbeat(control: VersionedStore): Promise<Heartbeat | undefined> {
  const parsed = v.safeParse(heartbeat, (await control.read([key])).get(key)?.value);
  return parsed.success ? { at: parsed.output.at, mostUrgent: parsed.output.mostUrgent ?? undefined } : undefined;
}

const key = 'sweep';
