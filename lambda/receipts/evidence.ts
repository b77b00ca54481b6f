import type { ReceivedDeletion } from '../erasure.ts';
import type { CallbackState, Decision, ProjectProgress, Receipt } from './receipt.ts';

/** Who issues evidence (RFC 7519, section 4.1.1). */
export const issuer = 'voucherify-erasure-webhook';

/**
 * What a closed receipt proves, in words that stand alone years later; all times are ISO 8601 in UTC. It names nobody:
 * the person is there as the HMACs that `ops find` computes again.
 */
export interface Evidence {
  readonly iss: string;
  /** Another form is another number: `show` compares what was signed with what the receipt says now, field by field. */
  readonly v: 1;
  readonly receipt: string;
  readonly platform: string;
  readonly reference?: string;
  readonly authentication: Receipt['authentication'];
  readonly request: {
    readonly what: 'permanent erasure';
    readonly payloadHmac: string;
    readonly subjectHmacs: readonly string[];
    /** Absent where the platform named no earlier time than that of its request. */
    readonly submittedAt?: string;
    readonly receivedAt: string;
    readonly dueAt?: string;
  };
  /** What the request itself was answered with; `accepted` where the platform takes no result. */
  readonly firstReply: { readonly as: 'outcome' | 'in-progress' | 'accepted'; readonly at: string };
  readonly outcome: Receipt['state'];
  readonly closedAt?: string;
  /** Why it had to ask for a person, if it did. */
  readonly reason?: string;
  readonly projects: Readonly<Record<string, ProjectEvidence>>;
  /** How many of the addresses that were owed a callback took it; absent where none was owed. */
  readonly callbacks?: {
    readonly taken: number;
    readonly refused: number;
    readonly tries: number;
    readonly at?: string;
  };
  readonly decisions: readonly (Omit<Decision, 'at'> & { readonly at: string })[];
}

interface ProjectEvidence {
  readonly outcome: ProjectProgress['state'];
  /** Customers that were pinned, so were to be deleted. */
  readonly customers: number;
  /** Whether something was posted whose effect nobody proved. */
  readonly unproven: boolean;
  readonly deletions: readonly {
    readonly proof: 'deleted' | 'gone';
    readonly at: string;
    readonly voucherify?: Omit<ReceivedDeletion, 'related_object_id'>;
  }[];
}

/** The evidence of a receipt, closed or not: everything that it says is in the receipt. */
export function evidenceOf(receipt: Receipt): Evidence {
  const { id, platform, reference, authentication, closedAt, reason, callbackState, decisions = [] } = receipt;
  return {
    iss: issuer,
    v: 1,
    receipt: id,
    platform,
    ...(reference === undefined ? {} : { reference }),
    authentication,
    request: askedOf(receipt),
    firstReply: answerOf(receipt),
    outcome: receipt.state,
    ...(closedAt === undefined ? {} : { closedAt: iso(closedAt) }),
    ...(reason === undefined ? {} : { reason }),
    projects: Object.fromEntries(Object.entries(receipt.projects).map(([name, one]) => [name, projectOf(one)])),
    ...(callbackState === undefined ? {} : { callbacks: callbacksOf(callbackState) }),
    decisions: decisions.map(decision => ({ ...decision, at: iso(decision.at) })),
  };
}

function askedOf({ payloadHmac, subjectHmacs, submittedAt, receivedAt, dueAt }: Receipt): Evidence['request'] {
  return {
    what: 'permanent erasure',
    payloadHmac,
    subjectHmacs,
    ...(submittedAt < receivedAt ? { submittedAt: iso(submittedAt) } : {}),
    receivedAt: iso(receivedAt),
    ...(dueAt === undefined ? {} : { dueAt: iso(dueAt) }),
  };
}

function answerOf({ firstReply, receivedAt }: Receipt): Evidence['firstReply'] {
  return firstReply === undefined
    ? { as: 'accepted', at: iso(receivedAt) }
    : { as: firstReply.as, at: iso(firstReply.at) };
}

function projectOf({ state, pins, mayHaveExecuted, deletions }: ProjectProgress): ProjectEvidence {
  return {
    outcome: state,
    customers: pins,
    unproven: state === 'open' && mayHaveExecuted,
    deletions: deletions.map(({ proof, at, received }) => ({
      proof,
      at: iso(at),
      ...(received === undefined ? {} : { voucherify: received }),
    })),
  };
}

function callbacksOf({ delivered, refused, tries, endedAt }: CallbackState): NonNullable<Evidence['callbacks']> {
  const ended = endedAt === undefined ? {} : { at: iso(endedAt) };
  return { taken: delivered.length, refused: refused.length, tries, ...ended };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
