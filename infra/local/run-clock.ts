import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';

/** A clock that the page can move ahead, to see the next attempt without waiting for an hour. */
export interface RunClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Moves the clock by so many milliseconds. */
  move(ms: number): void;
}

const schema = v.object({ aheadMs: v.pipe(v.number(), v.safeInteger()) });

/**
 * Returns a clock that starts as `start` does. The data folder keeps how far it is ahead of this machine's clock: a restart
 * continues with it, and the operator's tool uses it. Ignores write errors.
 */
export function createRunClock(start: () => number, folder: string): RunClock {
  let ahead = 0;
  const now = () => start() + ahead;
  const keep = () => keepAhead(folder, now() - Date.now());
  keep();
  const move = (ms: number) => {
    ahead += ms;
    keep();
  };
  return { now, move };
}

/** Returns how far the clock of the runs in a folder is ahead of this machine's, in milliseconds; 0 if it was never moved. */
export function readAheadMs(folder: string): number {
  try {
    const parsed = v.safeParse(schema, parseJson(readFileSync(fileOf(folder), 'utf8'))?.value);
    return parsed.success ? parsed.output.aheadMs : 0;
  } catch {
    return 0;
  }
}

/** Keeps whole seconds: two readings of a clock differ by some milliseconds, which must not add up over restarts. */
function keepAhead(folder: string, ms: number): void {
  const aheadMs = Math.round(ms / 1000) * 1000;
  if (folder === ':memory:' || aheadMs === readAheadMs(folder)) return;
  try {
    writeFileSync(fileOf(folder), JSON.stringify({ aheadMs }));
  } catch {
    // A folder that cannot be written is reported when its files are opened.
  }
}

function fileOf(folder: string): string {
  return join(folder, 'clock.json');
}
