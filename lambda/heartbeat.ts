import * as v from 'valibot';
import type { ControlRows } from './receipts/control.ts';

const heartbeat = v.looseObject({ at: v.number(), worst: v.optional(v.nullable(v.string())) });

/** What the last sweep left behind. */
export interface Beat {
  /** When it ended, in epoch milliseconds. */
  readonly at: number;
  /** The open receipt that has used most of its time, so that the next sweep does not lose sight of it. */
  readonly worst: string | undefined;
}

/**
 * Leaves word that a sweep has ended, for the next one and for whoever asks whether the schedule runs. Of two that end at
 * once one is enough. Throws `unavailable` when the store cannot be reached.
 */
export async function beat(control: ControlRows, { at, worst }: Beat): Promise<void> {
  const standing = (await control.read([key])).get(key);
  const parsed = v.safeParse(heartbeat, standing?.value);
  // What another version of this code wrote stays.
  const value = { ...(parsed.success ? parsed.output : {}), at, worst: worst ?? null };
  await control.write(key, standing?.revision ?? 0, value);
}

/** What the last sweep left; `undefined` when none ever has ended. Throws as {@link beat} does. */
export async function lastBeat(control: ControlRows): Promise<Beat | undefined> {
  const parsed = v.safeParse(heartbeat, (await control.read([key])).get(key)?.value);
  return parsed.success ? { at: parsed.output.at, worst: parsed.output.worst ?? undefined } : undefined;
}

const key = 'sweep';
