import { deployedParts } from './io/aws-ports.ts';
import { deployedSigner } from './io/kms-signer.ts';
import type { Swept } from './look-around.ts';
import type { Parts } from './parts.ts';
import { sweep } from './sweep.ts';

/**
 * How long one run of the sweep begins new work, in milliseconds. With what its attempts may outlast it, it ends where
 * the next one begins: time in between would be lost to a backlog, and two at once would reserve calls for one receipt.
 */
const sweepMs = 55_000;

/** The sweep as a handler of the once-a-minute schedule; the event says nothing. */
export function sweepHandler(parts: () => Parts): () => Promise<Swept> {
  return async () => {
    const ready = parts();
    return sweep(ready, ready.now() + sweepMs);
  };
}

export const handler = sweepHandler(await deployedParts(process.env, deployedSigner));
