import * as v from 'valibot';
import type { ControlRows } from './receipts/control.ts';

const heartbeat = v.looseObject({ at: v.number() });

/**
 * Leaves word that a sweep has ended now (epoch milliseconds), for whoever asks whether the schedule runs. Of two that
 * end at once one is enough. Throws `unavailable` when the store cannot be reached.
 */
export async function beat(control: ControlRows, now: number): Promise<void> {
  const standing = (await control.read([key])).get(key);
  const parsed = v.safeParse(heartbeat, standing?.value);
  // What another version of this code wrote stays.
  await control.write(key, standing?.revision ?? 0, { ...(parsed.success ? parsed.output : {}), at: now });
}

/** When the last sweep ended; `undefined` when none ever has. Throws as {@link beat} does. */
export async function lastBeat(control: ControlRows): Promise<number | undefined> {
  const parsed = v.safeParse(heartbeat, (await control.read([key])).get(key)?.value);
  return parsed.success ? parsed.output.at : undefined;
}

const key = 'sweep';
