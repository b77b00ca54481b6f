import { lambdaServices } from './aws/aws-services.ts';
import { lambdaSigner } from './aws/kms-signer.ts';
import type { Services } from './services.ts';
import type { SweepResult } from './sweep/backlog.ts';
import { sweep } from './sweep/sweep.ts';

/**
 * How long one run of the sweep starts new work, in milliseconds: until just before the next one starts. A gap would waste a
 * part of the quota during a backlog. An overlap would reserve calls twice for the receipts that wait at that moment.
 */
const sweepMs = 59_500;

/** Creates the handler for the schedule, which runs every minute. The event is ignored. */
export function sweepHandler(services: () => Services): () => Promise<SweepResult> {
  return async () => {
    const ready = services();
    return sweep(ready, ready.now() + sweepMs);
  };
}

export const handler = sweepHandler(await lambdaServices(process.env, lambdaSigner));
