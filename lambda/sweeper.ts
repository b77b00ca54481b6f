import { lambdaServices } from './io/aws-ports.ts';
import { lambdaSigner } from './io/kms-signer.ts';
import type { SweepResult } from './look-around.ts';
import type { Services } from './parts.ts';
import { sweep } from './sweep.ts';

/**
 * How long one run of the sweep begins new work, in milliseconds. With what its attempts may outlast it, it ends where
 * the next one begins: time in between would be lost to a backlog, and two at once would reserve calls for one receipt.
 */
const sweepMs = 55_000;

/** The sweep as a handler of the once-a-minute schedule; the event says nothing. */
export function sweepHandler(services: () => Services): () => Promise<SweepResult> {
  return async () => {
    const ready = services();
    return sweep(ready, ready.now() + sweepMs);
  };
}

export const handler = sweepHandler(await lambdaServices(process.env, lambdaSigner));
