import { createHash, type KeyObject } from 'node:crypto';
import * as v from 'valibot';
import {
  type Addendum,
  authenticationSchema,
  type CallbackState,
  type DeepReadonly,
  decisionEntries,
  type ProjectProgress,
  projectStateSchema,
  proofSchema,
  type Receipt,
  receiptStateSchema,
  receivedSchema,
  residueCountsSchema,
  storedObject,
  type Verification,
  verificationResultSchema,
} from './row-schemas.ts';

/** The issuer of evidence (RFC 7519, section 4.1.1). */
export const issuer = 'voucherify-erasure-webhook';

const projectEvidenceSchema = storedObject({
  outcome: projectStateSchema,
  /** Number of pinned customers, which were to be deleted. */
  customers: v.number(),
  /** If nothing was deleted: at least this many customers were found but created after the request. */
  createdLater: v.exactOptional(v.number()),
  /** Whether a deletion was posted whose effect is not proved. */
  unproven: v.boolean(),
  /** The code of each look-up that Voucherify refused: customers that it would have found may remain. */
  refusedLookUps: v.exactOptional(v.array(v.string())),
  /** What Voucherify listed for the customers before the deletion and after it; only if the settings asked for it. */
  residue: v.exactOptional(
    storedObject({
      before: residueCountsSchema,
      after: v.exactOptional(residueCountsSchema),
      at: v.exactOptional(v.string()),
    }),
  ),
  deletions: v.array(storedObject({ proof: proofSchema, at: v.string(), voucherify: v.exactOptional(receivedSchema) })),
});

const evidenceSchema = storedObject({
  /** When it was signed, in epoch seconds. */
  iat: v.number(),
  iss: v.string(),
  /** A changed form needs a new number: `show` compares signed evidence with the receipt, field by field. */
  v: v.literal(1),
  receipt: v.string(),
  platform: v.string(),
  reference: v.exactOptional(v.string()),
  authentication: authenticationSchema,
  request: storedObject({
    what: v.literal('permanent erasure'),
    payloadHmac: v.string(),
    subjectHmacs: v.array(v.string()),
    /** The kinds of the identifiers that could not be looked up; absent if all could. */
    notLookedUp: v.exactOptional(v.array(v.string())),
    /** Absent unless the platform named a time before the request was received. */
    submittedAt: v.exactOptional(v.string()),
    receivedAt: v.string(),
    dueAt: v.exactOptional(v.string()),
  }),
  /** What the reply to the request said; `accepted` for platforms that do not wait for a result. */
  firstReply: storedObject({ as: v.picklist(['outcome', 'in-progress', 'send-again', 'accepted']), at: v.string() }),
  outcome: receiptStateSchema,
  closedAt: v.exactOptional(v.string()),
  /** Why the receipt needed review, if it did. */
  reason: v.exactOptional(v.string()),
  /** The legal holds that the erasure waited for. Without an end, one was in effect when the receipt was closed. */
  legalHolds: v.exactOptional(
    v.array(storedObject({ hold: v.string(), from: v.string(), to: v.exactOptional(v.string()) })),
  ),
  projects: v.record(v.string(), projectEvidenceSchema),
  /** How many callback addresses accepted the callback; absent if none was due. */
  callbacks: v.exactOptional(
    storedObject({ taken: v.number(), refused: v.number(), tries: v.number(), at: v.exactOptional(v.string()) }),
  ),
  /** The receipt whose deletion had no lasting effect, if an operator decided to delete its customers again. */
  erasesAgain: v.exactOptional(v.string()),
  /** Whether Voucherify still returned a deleted customer some time later; absent if nothing was deleted. */
  verification: v.exactOptional(storedObject({ result: verificationResultSchema, at: v.string() })),
  decisions: v.array(storedObject({ at: v.string(), ...decisionEntries })),
  /** Where Voucherify may keep data that has no count, and the page that says so; only with `residue` in a project. */
  notCounted: v.exactOptional(v.record(v.string(), v.string())),
});

/**
 * What a closed receipt proves, readable without other sources years later. All times are ISO 8601 in UTC. It contains no
 * personal data: the data subject appears as HMACs, which `ops find` can compute again.
 */
export type Evidence = Omit<SignedEvidencePayload, 'iat'>;

type SignedEvidencePayload = DeepReadonly<v.InferOutput<typeof evidenceSchema>>;

/** Reads the payload of a signed receipt. Returns `undefined` for an unknown form. */
export function evidenceFrom(payload: unknown): SignedEvidencePayload | undefined {
  const parsed = v.safeParse(evidenceSchema, payload);
  return parsed.success ? parsed.output : undefined;
}

/** Builds the evidence of a receipt, closed or not, from the receipt alone. */
export function evidenceOf(receipt: Receipt): Evidence {
  const { id, platform, reference, authentication, closedAt, reason, callbackState, decisions = [] } = receipt;
  const { legalHolds } = receipt;
  return {
    iss: issuer,
    v: 1,
    receipt: id,
    platform,
    ...(reference === undefined ? {} : { reference }),
    authentication,
    request: describeRequest(receipt),
    firstReply: describeReply(receipt),
    outcome: receipt.state,
    ...(closedAt === undefined ? {} : { closedAt: iso(closedAt) }),
    ...(reason === undefined ? {} : { reason }),
    ...(legalHolds === undefined ? {} : { legalHolds: legalHolds.map(describeHold) }),
    projects: Object.fromEntries(
      Object.entries(receipt.projects).map(([name, progress]) => [name, describeProject(progress)]),
    ),
    ...(callbackState === undefined ? {} : { callbacks: describeCallbacks(callbackState) }),
    ...(receipt.erasesAgain === undefined ? {} : { erasesAgain: receipt.erasesAgain }),
    ...describeVerification(receipt.verification),
    decisions: decisions.map(decision => ({ ...decision, at: iso(decision.at) })),
    ...(Object.values(receipt.projects).some(({ residue }) => residue !== undefined) ? { notCounted } : {}),
  };
}

const auditLogPage = 'https://docs.voucherify.io/analyze/audit-logs';

/** Signed evidence contains this list: a change needs a new form of the evidence. */
const notCounted = {
  exports: auditLogPage,
  'files of background tasks': auditLogPage,
  'the audit log': auditLogPage,
  'sent webhooks': auditLogPage,
  backups: 'https://docs.voucherify.io/guides/security',
} as const;

function describeRequest(receipt: Receipt): Evidence['request'] {
  const { payloadHmac, subjectHmacs, notLookedUp, submittedAt, receivedAt, dueAt } = receipt;
  return {
    what: 'permanent erasure',
    payloadHmac,
    subjectHmacs,
    ...(notLookedUp === undefined ? {} : { notLookedUp }),
    ...(submittedAt < receivedAt ? { submittedAt: iso(submittedAt) } : {}),
    receivedAt: iso(receivedAt),
    ...(dueAt === undefined ? {} : { dueAt: iso(dueAt) }),
  };
}

function describeHold({ hold, from, to }: NonNullable<Receipt['legalHolds']>[number]) {
  return { hold, from: iso(from), ...(to === undefined ? {} : { to: iso(to) }) };
}

function describeReply({ firstReply, receivedAt }: Receipt): Evidence['firstReply'] {
  const { as, at } = firstReply ?? { as: 'accepted', at: receivedAt };
  return { as, at: iso(at) };
}

function describeProject(progress: ProjectProgress): Evidence['projects'][string] {
  const { state, pins, createdLater, mayHaveExecuted, deletions, refusedLookUps = [], residue } = progress;
  return {
    outcome: state,
    customers: pins,
    ...(createdLater === undefined ? {} : { createdLater }),
    unproven: state === 'open' && mayHaveExecuted,
    ...(refusedLookUps.length === 0 ? {} : { refusedLookUps }),
    ...(residue === undefined ? {} : { residue: describeResidue(residue) }),
    deletions: deletions.map(({ proof, at, received }) => ({
      proof,
      at: iso(at),
      ...(received === undefined ? {} : { voucherify: received }),
    })),
  };
}

function describeResidue({ before, after, at }: NonNullable<ProjectProgress['residue']>) {
  return { before, ...(after === undefined ? {} : { after }), ...(at === undefined ? {} : { at: iso(at) }) };
}

function describeCallbacks({ delivered, refused, tries, endedAt }: CallbackState): Evidence['callbacks'] & {} {
  const ended = endedAt === undefined ? {} : { at: iso(endedAt) };
  return { taken: delivered.length, refused: refused.length, tries, ...ended };
}

function describeVerification({ result, at }: Partial<Verification> = {}): Pick<Evidence, 'verification'> {
  return result === undefined || at === undefined ? {} : { verification: { result, at: iso(at) } };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

// The signature.

/** The public half of a signing key, as a JSON Web Key (RFC 7517; P-256 of RFC 7518, section 6.2.1). */
export interface PublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** Signs evidence with a key that never leaves its key store. Both methods throw if the key store is unavailable. */
export interface Signer {
  publicKey(): Promise<PublicKey>;
  /** Returns the ES256 signature of the bytes: `r` and `s`, 32 bytes each (RFC 7518, section 3.4). */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Returns evidence or an addendum as a compact JWS (RFC 7515, section 3.1), issued at `now` (epoch milliseconds). */
export async function signStatement(
  typ: typeof evidenceType | typeof addendumType,
  statement: object,
  signer: Signer,
  now: number,
): Promise<string> {
  const header = { alg: 'ES256', typ, kid: keyId(await signer.publicKey()) };
  const payload = `${encode(header)}.${encode({ ...statement, iat: Math.floor(now / 1000) })}`;
  const signature = await signer.sign(Buffer.from(payload));
  return `${payload}.${Buffer.from(signature).toString('base64url')}`;
}

/** The explicit type, so that no other token is accepted as evidence (RFC 8725, section 3.11). */
export const evidenceType = 'erasure-evidence+jwt';
/** The type of an addendum, so that neither is accepted as the other. */
export const addendumType = 'erasure-addendum+jwt';

/** Returns the JSON Web Key Set for verifiers (RFC 7517, section 5). */
export function keySet(key: PublicKey) {
  return { keys: [{ ...key, kid: keyId(key), use: 'sig', alg: 'ES256' }] };
}

const publicKey = v.object({ kty: v.literal('EC'), crv: v.literal('P-256'), x: v.string(), y: v.string() });

/** Returns a public key as a JSON Web Key. Throws for a curve other than P-256, the only one of ES256. */
export function publicKeyOf(key: KeyObject): PublicKey {
  return v.parse(publicKey, key.export({ format: 'jwk' }));
}

/** Returns the thumbprint of the key (RFC 7638, section 3): exactly these members in this order. */
function keyId({ crv, kty, x, y }: PublicKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/*
 * An addendum says that a customer with an identifier of an erased person appeared in Voucherify again. It is a row of its
 * own: a closed receipt and its evidence never change. It contains nothing of the customer.
 */

/** Returns the key of an addendum as one text. HMACs contain no `#`. */
export function addendumId({ receipt, event }: Pick<Addendum, 'receipt' | 'event'>): string {
  return `${receipt}#${event}`;
}

/** Returns the addendum with its signature, or `undefined` if it is signed already. */
export function storeAddendumSignature(addendum: Addendum, jws: string): Addendum | undefined {
  return addendum.jws === undefined ? { ...addendum, jws, revision: addendum.revision + 1 } : undefined;
}

/** Returns what an addendum states, bound to the signed evidence of its receipt. Times are ISO 8601 in UTC. */
export function addendumStatement(addendum: Addendum, evidence: string) {
  const { receipt, event, project, type, matched, channel, occurredAt, receivedAt } = addendum;
  return {
    ...{ iss: issuer, v: 1, receipt },
    evidenceSha256: evidenceDigest(evidence),
    ...{ what: 'reappearance', event, project, type, matched },
    ...(channel === undefined ? {} : { channel }),
    occurredAt: new Date(occurredAt).toISOString(),
    receivedAt: new Date(receivedAt).toISOString(),
  };
}

/** Returns the SHA-256 of signed evidence, a compact JWS, in base64url. */
export function evidenceDigest(evidence: string): string {
  return createHash('sha256').update(evidence).digest('base64url');
}
