import { deployedParts } from './io/aws-ports.ts';
import type { Parts } from './parts.ts';
import { type Swept, sweep } from './sweep.ts';

/** How long one run of the sweep begins new work, in milliseconds; the next run begins a minute later. */
const sweepMs = 50_000;

/** The sweep as a handler of the once-a-minute schedule; the event says nothing. */
export function sweepHandler(parts: () => Parts): () => Promise<Swept> {
  return async () => {
    const ready = parts();
    return sweep(ready, ready.now() + sweepMs);
  };
}

export const handler = sweepHandler(deployedParts(process.env));
