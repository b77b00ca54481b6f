import { failureOf } from '../domain/failure.ts';
import { manualPlatform } from '../domain/names.ts';
import { failureFields } from '../io/log.ts';
import { manual } from '../platforms/index.ts';
import type { Services } from '../services.ts';
import { type ManualEvent, type ManualReply, manualErasure, parseManualEvent } from './manual-event.ts';
import { previewRequest } from './preview.ts';
import { processErasures } from './receive.ts';

/**
 * Handles an event of an operator. IAM has authenticated the caller, so its requests are accepted like those of a platform:
 * with a receipt, guards, limits, pauses and evidence. The receipt names who asked and why, as an operator's decision.
 * Never throws.
 */
export async function receiveManual(event: ManualEvent, services: Services): Promise<ManualReply> {
  const startedAt = services.now();
  try {
    const asked = parseManualEvent(event);
    return asked.action === 'preview'
      ? { previews: await previewAll(asked, startedAt, services) }
      : { results: await eraseAll(asked, startedAt, services) };
  } catch (thrown) {
    const failure = failureOf(thrown);
    const { code, message, status } = failure;
    services.log({ event: 'refused', platform: manualPlatform, ...failureFields(failure), status });
    return { failure: { code, message } };
  }
}

type AskedPreview = Extract<ManualEvent['manual'], { action: 'preview' }>;
type AskedErasure = Exclude<ManualEvent['manual'], AskedPreview>;

async function eraseAll({ action, requests, by, reason }: AskedErasure, startedAt: number, services: Services) {
  const caller = {
    platformName: manualPlatform,
    platform: { ...manual, responseMode: action === 'erase' ? ('result' as const) : manual.responseMode },
    authentication: { scheme: 'iam', secret: 'current' as const },
    receivedAt: startedAt,
    startedAt,
    decision: { at: startedAt, actor: by, action: 'erase' as const, reason },
  };
  const results = await processErasures(requests.map(manualErasure), caller, services);
  return results.map(({ reference, receiptId, outcome }) => ({ reference, receipt: receiptId, outcome: outcome.kind }));
}

/** One after the other: each waits for its share of the quota. */
async function previewAll({ requests }: AskedPreview, startedAt: number, services: Services) {
  const until = startedAt + services.settings.limits.answerBudgetMs;
  const previews = [];
  for (const request of requests) previews.push(await previewRequest(request, until, services));
  return previews;
}
