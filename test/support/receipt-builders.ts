import type { LookUpResults } from '../../lambda/domain/erasure.ts';
import type { Receipt, ReceiptQueue, ReceiptState } from '../../lambda/receipts/receipt.ts';
import type { PersonalData, Pin } from '../../lambda/receipts/store.ts';

/** Rows for tests of the stores. They hold the shapes and none of the rules, which have tests of their own. */
export const now = Date.UTC(2026, 10, 24, 12);

export const kept: PersonalData = {
  reference: 'request-of-zoe',
  scope: 'shop-of-zoe',
  identifiers: [
    { kind: 'email', value: 'Zoë.O\'Neil+"shop"@example.com' },
    { kind: 'source_id', value: 'shop#1/äöü 🙂' },
  ],
  callbacks: [{ url: 'https://dsr.example.com/callback', headers: { Authorization: 'Bearer callback-token' } }],
};

export const pins: readonly Pin[] = [
  { customerId: 'cust_secret_1', seen: true, appIdHmac: 'mac-of-app-id' },
  { customerId: 'cust_secret_2', seen: false, appIdHmac: 'mac-of-app-id' },
];

export const lookUps: LookUpResults = {
  appIdHmac: 'mac-of-app-id',
  results: [
    { identifier: 0, spelling: 'zoë@example.com', identifiable: true, candidates: [] },
    {
      identifier: 1,
      spelling: 'shop#1/äöü 🙂',
      identifiable: true,
      candidates: [
        { id: 'cust_secret_3', seen: true, createdAt: '2025-01-01T00:00:00.000Z' },
        { id: 'cust_secret_4', seen: false },
      ],
    },
  ],
};

/** No content of `personal-data` and `pins` may appear in an error. */
export const personal = ['of-zoe', 'example.com', 'shop#1', 'callback-token', 'cust_secret'];

export function receiptOf(facts: Partial<Receipt> = {}, projects: readonly string[] = ['main']): Receipt {
  const untouched = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] } as const;
  return {
    v: 1,
    id: 'receipt-1',
    revision: 1,
    platform: 'generic',
    payloadHmac: 'mac-of-payload',
    subjectHmacs: ['mac-of-email', 'mac-of-source-id'],
    lookUpCalls: 4,
    authentication: { scheme: 'standard-webhooks', secret: 'current' },
    state: 'open',
    queue: 'erase',
    nextAttemptAt: now,
    receivedAt: now,
    submittedAt: now - 1000,
    hasCallbacks: false,
    repliedInProgress: false,
    claims: 0,
    unrecordedClaims: 0,
    unprovenCount: 0,
    projects: Object.fromEntries(projects.map(project => [project, untouched])),
    ...facts,
  };
}

export function next(receipt: Receipt, change: Partial<Receipt> = {}): Receipt {
  return { ...receipt, ...change, revision: receipt.revision + 1 };
}

export function putOff(receipt: Receipt, until: number): Receipt {
  return next(receipt, { nextAttemptAt: until, claims: receipt.claims + 1 });
}

export function withPins(receipt: Receipt, project: string, count: number): Receipt {
  const progress = { ...receipt.projects[project]!, pins: count };
  return next(receipt, { projects: { ...receipt.projects, [project]: progress } });
}

export function withLookUps(receipt: Receipt, project: string, lookedUp: number): Receipt {
  const progress = { ...receipt.projects[project]!, lookedUp };
  return next(receipt, { projects: { ...receipt.projects, [project]: progress } });
}

/** Waits in a queue from `at` on. */
export function queued(
  receipt: Receipt,
  queue: ReceiptQueue,
  at: number,
  state: ReceiptState = receipt.state,
): Receipt {
  return next(receipt, { queue, nextAttemptAt: at, state });
}

export const expiresAt = Math.ceil(now / 1000) + 762 * 86_400;

/** Closed, with nothing left to do. */
export function closed(receipt: Receipt): Receipt {
  const { queue: _, nextAttemptAt: __, ...rest } = receipt;
  const projects = Object.fromEntries(
    Object.entries(receipt.projects).map(([project, progress]) => [
      project,
      { ...progress, state: 'erased', deletions: [deletionIn(project)] } as const,
    ]),
  );
  return next(rest, { state: 'erased', closedAt: now, expiresAt, lastResult: 'erased', projects });
}

function deletionIn(project: string) {
  const received = { id: 'del_1', created_at: '2026-11-24T12:00:00Z', status: 'DONE', data_json: { customer: 1 } };
  return { project, pin: 0, proof: 'deleted', at: now, received } as const;
}
