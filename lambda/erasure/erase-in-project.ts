import { readActiveHolds } from '../control/legal-holds.ts';
import type { LookUpResults } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import type { Identifier } from '../domain/identifiers.ts';
import type { Pseudonymizer } from '../receipts/hmac.ts';
import {
  acceptedAppIdHmac,
  hasRefusedLookUps,
  legalHold,
  maxCustomersFor,
  type ProjectProgress,
  type Receipt,
  recordPins,
} from '../receipts/receipt.ts';
import { maxUnproven, type ProjectResult } from '../receipts/record-attempt.ts';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import { type PersonalDataWithPins, type Pin, type UpdatedReceipt, updateReceipt } from '../receipts/store.ts';
import type { Services } from '../services.ts';
import type { ProjectClient } from '../voucherify/client.ts';
import { expectedCalls } from '../voucherify/client.ts';
import { addCounts, notCounted } from '../voucherify/counts.ts';
import {
  noLookUps,
  refusedCodes,
  resolve,
  type Unmatched,
  withoutFound,
  withoutRefused,
} from '../voucherify/resolve.ts';
import { type CallFailure, needsReview, retryLater } from '../voucherify/responses.ts';
import { type CheckHolds, deleteCustomers, type HoldableCustomer } from './delete-customers.ts';

/** This attempt's clients, by project. A project that is no longer in settings has none. */
export type ProjectClients = ReadonlyMap<string, ProjectClient>;

/** What an attempt needs to know, in all projects or in one. */
export interface AttemptInput {
  /** The receipt, as the claim of this attempt stored it. */
  readonly receipt: Receipt;
  readonly personalData: PersonalDataWithPins;
  /** When the attempt must end, in epoch milliseconds. */
  readonly until: number;
  readonly clients: ProjectClients;
  /** Whether the platform waits for the outcome in this reply. */
  readonly repliesNow: boolean;
  /**
   * Resolves to whether the receipt may be erased. It is awaited before the first deletion or a final outcome, not
   * before look-ups.
   */
  readonly isAllowed?: Promise<boolean>;
  /** Whether any legal hold existed when the attempt began; by default, the holds are read. */
  readonly holdsExist?: boolean;
  /** Whether other erasures wait for the quota. */
  readonly isBacklog?: boolean;
}

export interface ProjectAttempt {
  /** The receipt after the pins were written. */
  readonly receipt: Receipt;
  readonly result: ProjectResult;
  readonly alarms: readonly Alarm[];
}

/** Attempts the erasure in one project. Each set of customers that is found is pinned before the first one is deleted. */
export async function eraseInProject(
  project: string,
  input: AttemptInput,
  services: Services,
): Promise<ProjectAttempt> {
  const client = input.clients.get(project);
  const progress = input.receipt.projects[project];
  if (client === undefined || progress === undefined) return reviewAttempt(input.receipt, 'project-not-in-settings');
  const pins = input.personalData.pins[project] ?? [];
  if (pins.length !== progress.pins) return reviewAttempt(input.receipt, 'pins-missing');
  const hmacs = await services.pseudonymizer();
  const checkHolds = createHoldCheck(input.receipt.subjectHmacs, hmacs, services, input.holdsExist ?? true);
  const target = { ...input, client, progress, appIdHmac: hmacs.appId, subjectHmac: hmacs.subject, checkHolds };
  const isLookedUp = progress.lookUpAgain !== true && (pins.length > 0 || hasRefusedLookUps(progress));
  if (isLookedUp) return deletePinned(project, { ...target, pins, justResolved: false }, services);
  return resolveAndDelete(project, { ...target, pins }, services);
}

interface ResolveInput extends AttemptInput {
  readonly client: ProjectClient;
  /** The project's progress before this attempt wrote pins. */
  readonly progress: ProjectProgress;
  readonly appIdHmac: (appId: string) => string;
  readonly subjectHmac: (identifier: Identifier) => string;
  readonly checkHolds: CheckHolds;
  /** The pins that are stored already: those of an earlier set, if refused look-ups are repeated. */
  readonly pins: readonly Pin[];
}

async function resolveAndDelete(project: string, input: ResolveInput, services: Services): Promise<ProjectAttempt> {
  const { client, receipt: before, progress, appIdHmac, subjectHmac, pins: known, until } = input;
  const { atOnce, inAttempt } = client.capacity();
  if (atOnce === 0) return reviewAttempt(before, 'quota-too-small');
  const stored = input.personalData.lookUps[project];
  const request = {
    identifiers: input.personalData.identifiers,
    submittedAt: before.submittedAt,
    maxCustomers: maxCustomersFor(before) ?? services.settings.limits.customersPerRequest,
    lookUps: stored,
    pinned: new Set(known.map(pin => pin.customerId)),
  };
  const isLastTry = before.unprovenCount + 1 >= maxUnproven;
  const context = { voucherify: client, appIdHmac, subjectHmac, until, mostPages: inAttempt, isLastTry };
  const { resolved, lookUps } = await resolve(request, context);
  const isAdded = lookUps.results.length > 0 && lookUps !== stored;
  const newLookUps = isAdded ? lookUps : undefined;
  if (resolved.kind === 'retry') return failedAttempt(before, resolved, newLookUps);
  // After a review the customers are looked up again: the operator may have changed them.
  const lookUpsAfterReview = stored && (known.length > 0 ? withoutFound(lookUps) : noLookUps);
  if (resolved.kind === 'review') return failedAttempt(before, resolved, lookUpsAfterReview);
  const isWithoutMatch = resolved.kind !== 'found' && resolved.kind !== 'refused';
  if (isWithoutMatch && progress.refusedLookUps === undefined) {
    return (await isAllowed(input)) ? withoutMatch(before, resolved, 0) : overLimit(before);
  }
  const found = resolved.kind === 'found' ? resolved.candidates : [];
  const added = found.map(({ id, seen, subjectHmacs = [] }) => ({
    ...{ customerId: id, seen, appIdHmac: lookUps.appIdHmac },
    ...(subjectHmacs.length > 0 && { subjectHmacs }),
  }));
  const pins = [...known, ...added];
  const held = pins.length === 0 ? undefined : await input.checkHolds(pins);
  if (held !== undefined) return failedAttempt(before, held, held.kind === 'review' ? lookUpsAfterReview : newLookUps);
  const ifAbsent = resolved.kind === 'found' ? resolved.ifAbsent : isWithoutMatch ? resolved : undefined;
  const residue = await countBefore(added, input, services);
  const written = { ...input, pins, lookUps, known: known.length, ifAbsent, residue };
  const { receipt, done } = await writePins(project, written, services);
  if (!done) return failedAttempt(receipt, retryLater('superseded'));
  // Look-ups of an earlier attempt may be hours old: then each customer is checked again before the deletion.
  const justResolved = stored === undefined && known.length === 0;
  return deletePinned(project, { ...input, receipt, pins, justResolved }, services);
}

/** The longest time that counts may take before a deletion, in milliseconds. They end before reserved calls expire. */
const countBeforeMs = 2000;

/**
 * Counts what Voucherify lists for new pins, before they are deleted. A platform that waits for the result must not wait for
 * counts too, nor must other erasures. Counts of pins of an earlier set are added up.
 */
async function countBefore(
  added: readonly Pin[],
  { client, repliesNow, isBacklog = false, progress, until }: ResolveInput,
  { now }: Services,
): Promise<ResidueCounts | undefined> {
  if (client.countResidue === undefined || added.length === 0) return undefined;
  const ends = Math.min(now() + countBeforeMs, until);
  const ids = added.map(pin => pin.customerId);
  const reason = repliesNow ? 'platform-waits' : isBacklog ? 'erasures-wait' : undefined;
  const counts = reason === undefined ? await client.countResidue(ids, ends) : notCounted(reason);
  const { before = counts } = progress.residue ?? {};
  return before === counts ? counts : addCounts(before, counts);
}

interface WriteInput extends ResolveInput {
  readonly lookUps: LookUpResults;
  /** The number of pins of earlier sets. */
  readonly known: number;
  readonly ifAbsent: Unmatched | undefined;
  readonly residue: ResidueCounts | undefined;
}

/** Writes one set of pins. Deletes the stored look-ups; if some were refused, it keeps the others for their retry. */
function writePins(
  project: string,
  { receipt, personalData, pins, lookUps, known, ifAbsent, residue }: WriteInput,
  services: Services,
): Promise<UpdatedReceipt> {
  const refused = refusedCodes(lookUps);
  const kept = refused.length === 0 ? noLookUps : withoutRefused(lookUps);
  const lookedUp = kept.results.length;
  const isStored = personalData.lookUps[project] !== undefined;
  // Needed only to compare them with events of customers.
  const isCompared = services.settings.reappearance !== undefined;
  const resolvedHmacs = isCompared ? pins.flatMap(pin => pin.subjectHmacs ?? []) : [];
  const facts = { known, refused, lookedUp, ifAbsent, residue, resolvedHmacs };
  return updateReceipt(
    services.store,
    receipt,
    current => recordPins(current, receipt.claims, project, pins.length, facts),
    () => ({
      ...(pins.length > known && { pins: { project, pins } }),
      ...((lookedUp > 0 || isStored) && { lookUps: [{ project, lookUps: lookedUp > 0 ? kept : undefined }] }),
    }),
  );
}

interface DeleteInput extends ResolveInput {
  readonly justResolved: boolean;
}

async function deletePinned(project: string, input: DeleteInput, services: Services): Promise<ProjectAttempt> {
  const { receipt, progress, pins, justResolved, until } = input;
  const proved = progress.deletions.map(deletion => deletion.pin);
  const done = new Set([...proved, ...(progress.absent ?? [])]);
  const isLeft = done.size < pins.length;
  if (isLeft && !justResolved && input.client.capacity().atOnce < 2) return reviewAttempt(receipt, 'quota-too-small');
  if (!(await isAllowed(input))) return overLimit(receipt);
  input.client.expectCalls(expectedCalls(receipt, project, justResolved));
  const { alarms, failure, ...deleted } = await deleteCustomers({
    project,
    voucherify: input.client,
    pins,
    done,
    justResolved,
    mayHaveExecuted: progress.mayHaveExecuted,
    appIdHmac: input.appIdHmac,
    acceptedAppIdHmac: acceptedAppIdHmac(receipt, project),
    checkHolds: input.checkHolds,
    now: services.now,
    until,
  });
  if (failure !== undefined) return { receipt, result: { ...failure, ...deleted, resumable: true }, alarms };
  // If nothing was deleted, the look-ups decide the outcome: a customer that one of them returned was there.
  const { refusedLookUps: [code] = [], ifAbsent = { kind: 'not-identifiable' } } =
    receipt.projects[project] ?? progress;
  if (code !== undefined) return { receipt, result: { kind: 'partial', code, ...deleted }, alarms };
  const { deletions } = deleted;
  const knownPins = pins.length;
  if (deletions.length + proved.length > 0)
    return { receipt, result: { kind: 'erased', deletions, knownPins }, alarms };
  return withoutMatch(receipt, ifAbsent, knownPins);
}

function withoutMatch(receipt: Receipt, end: Unmatched, knownPins: number): ProjectAttempt {
  return { receipt, result: { ...end, deletions: [], knownPins }, alarms: [] };
}

async function isAllowed(input: AttemptInput): Promise<boolean> {
  return (await input.isAllowed) ?? true;
}

/** Ends an attempt after its look-ups. */
function overLimit(receipt: Receipt): ProjectAttempt {
  return failedAttempt(receipt, retryLater('request-limit'));
}

/** Reports a failure before any deletion, and the look-ups to store for the next attempt. */
function failedAttempt(receipt: Receipt, failure: CallFailure, lookUps?: LookUpResults): ProjectAttempt {
  const result = { ...failure, deletions: [], mayHaveExecuted: false, ...(lookUps && { lookUps, resumable: true }) };
  return { receipt, result, alarms: failure.alarm === undefined ? [] : [failure.alarm] };
}

function reviewAttempt(receipt: Receipt, code: string): ProjectAttempt {
  return failedAttempt(receipt, needsReview(code));
}

/**
 * Creates the check of one attempt. It reads the holds of the request's identifiers (`requested`, the HMACs of the receipt) and
 * of the given customers at each call, unless there were no holds at all when the attempt began. If they cannot be
 * read, nothing is deleted.
 */
export function createHoldCheck(
  requested: readonly string[],
  { subject }: Pseudonymizer,
  { control, now }: Services,
  holdsExist: boolean,
): CheckHolds {
  if (!holdsExist) return async () => undefined;
  const idsOf = ({ customerId, subjectHmacs = [] }: HoldableCustomer) => [
    subject({ kind: 'customer_id', value: customerId }),
    ...subjectHmacs,
  ];
  return async customers => {
    try {
      const holds = await readActiveHolds([...requested, ...customers.flatMap(idsOf)], control, now());
      return holds.length === 0 ? undefined : needsReview(legalHold, { holds });
    } catch {
      return retryLater('holds-unreadable', { stop: true });
    }
  };
}
