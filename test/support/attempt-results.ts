import type { Deletion } from '../../lambda/domain/erasure.ts';
import { createReceipt, nextRevision, type ProjectProgress, type Receipt } from '../../lambda/receipts/receipt.ts';
import { type AttemptRecord, type ProjectResult, recordAttempt } from '../../lambda/receipts/record-attempt.ts';
import { done } from './voucherify-responses.ts';

export const now = Date.UTC(2026, 10, 24, 12);

const facts = {
  id: 'receipt-1',
  platform: 'generic',
  payloadHmac: 'payload',
  subjectHmacs: ['subject'],
  lookUpCalls: 1,
  authentication: { scheme: 'test', secret: 'current' },
  receivedAt: now,
  submittedAt: now - 5000,
  hasCallbacks: false,
};

/** A receipt that its writer attempts, which is its first claim. */
export function claimedOnce(more: Partial<Receipt> = {}, projects: readonly string[] = ['main']): Receipt {
  return { ...createReceipt(facts, projects, { attemptAt: now + 15_000, attemptFollows: true }), ...more };
}

export function withProgress(receipt: Receipt, project: string, progress: Partial<ProjectProgress>): Receipt {
  const before = receipt.projects[project];
  if (before === undefined) throw new Error(`no project ${project}`);
  return nextRevision(receipt, { projects: { ...receipt.projects, [project]: { ...before, ...progress } } });
}

export function deletion(index = 0, more: Partial<Deletion> = {}): Deletion {
  return { project: 'main', pin: index, proof: 'deleted', at: now, received: done, ...more };
}

/** As a receipt keeps it. */
export function keptDeletion(index = 0, more: Partial<Deletion> = {}): Deletion {
  const { related_object_id: _, ...received } = done;
  return { project: 'main', pin: index, proof: 'deleted', at: now, received, ...more };
}

export const erased: ProjectResult = { kind: 'erased', deletions: [deletion()] };
export const noMatch: ProjectResult = { kind: 'no-match', deletions: [], knownPins: 0 };
export const unidentifiable: ProjectResult = { kind: 'not-identifiable', deletions: [], knownPins: 0 };

export function later(more: Partial<Extract<ProjectResult, { kind: 'retry' }>> = {}): ProjectResult {
  return { kind: 'retry', code: 'voucherify-503', deletions: [], mayHaveExecuted: false, ...more };
}

export function human(
  code = 'voucherify-400',
  more: Partial<Extract<ProjectResult, { kind: 'review' }>> = {},
): ProjectResult {
  return { kind: 'review', code, deletions: [], mayHaveExecuted: false, ...more };
}

/** Records results of the worker that holds the claim, unless `more` says otherwise. */
export function record(
  receipt: Receipt,
  results: Readonly<Record<string, ProjectResult>>,
  more: Partial<AttemptRecord> = {},
): Receipt | undefined {
  const recording = { claim: receipt.claims, now: now + 1000, retryAt: now + 30_000, repliesNow: false };
  return recordAttempt(receipt, { ...recording, results, ...more });
}

/** The same, where the rules allow it. */
export function mustRecord(...args: Parameters<typeof record>): Receipt {
  return must(record(...args));
}

/** The receipt after a change, where the rules allow it. */
export function must(next: Receipt | undefined): Receipt {
  if (next === undefined) throw new Error('the rules refuse this');
  return next;
}
