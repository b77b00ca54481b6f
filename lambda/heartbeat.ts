import * as v from 'valibot';
import type { VersionedStore } from './receipts/control.ts';

const heartbeat = v.looseObject({ at: v.number(), mostUrgent: v.optional(v.nullable(v.string())) });

/** What the last sweep left behind. */
export interface Heartbeat {
  /** When it ended, in epoch milliseconds. */
  readonly at: number;
  /** The open receipt that has used most of its time, so that the next sweep does not lose sight of it. */
  readonly mostUrgent: string | undefined;
}

/**
 * Leaves word that a sweep has ended, for the next one and for whoever asks whether the schedule runs. Of two that end at
 * once one is enough. Throws `unavailable` when the store cannot be reached.
 */
export async function writeHeartbeat(control: VersionedStore, { at, mostUrgent }: Heartbeat): Promise<void> {
  const standing = (await control.read([key])).get(key);
  const parsed = v.safeParse(heartbeat, standing?.value);
  // What another version of this code wrote stays.
  const value = { ...(parsed.success ? parsed.output : {}), at, mostUrgent: mostUrgent ?? null };
  await control.write(key, standing?.revision ?? 0, value);
}

/** What the last sweep left; `undefined` when none ever has ended. Throws as {@link writeHeartbeat} does. */
export async function readHeartbeat(control: VersionedStore): Promise<Heartbeat | undefined> {
  const parsed = v.safeParse(heartbeat, (await control.read([key])).get(key)?.value);
  return parsed.success ? { at: parsed.output.at, mostUrgent: parsed.output.mostUrgent ?? undefined } : undefined;
}

const key = 'sweep';
