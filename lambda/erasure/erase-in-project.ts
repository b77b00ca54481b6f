import type { LookUpResults } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import {
  acceptedAppIdHmac,
  maxCustomersFor,
  type ProjectProgress,
  type Receipt,
  recordPins,
} from '../receipts/receipt.ts';
import type { ProjectResult } from '../receipts/record-attempt.ts';
import type { PersonalDataWithPins, Pin } from '../receipts/store.ts';
import { updateReceipt } from '../receipts/store.ts';
import type { Services } from '../services.ts';
import { type CallFailure, needsReview, retryLater } from '../voucherify/classify.ts';
import type { ProjectClient } from '../voucherify/client.ts';
import { expectedCalls } from '../voucherify/project.ts';
import { endWithoutMatch, noLookUps, resolve } from '../voucherify/resolve.ts';
import { deleteCustomers } from './delete-customers.ts';

/** This attempt's clients, by project. A project that is no longer in settings has none. */
export type ProjectClients = ReadonlyMap<string, ProjectClient>;

export interface AttemptInput {
  readonly receipt: Receipt;
  readonly personalData: PersonalDataWithPins;
  readonly until: number;
  readonly clients: ProjectClients;
}

export interface ProjectAttempt {
  /** The receipt after the pins were written. */
  readonly receipt: Receipt;
  readonly result: ProjectResult;
  readonly alarms: readonly Alarm[];
}

/** Attempts the erasure in one project. Every customer is found and pinned before the first one is deleted. */
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
  const { appId: appIdHmac } = await services.pseudonymizer();
  const target = { ...input, client, progress, appIdHmac };
  if (pins.length > 0) return deletePinned(project, { ...target, pins, justResolved: false }, services);
  return resolveAndDelete(project, target, services);
}

interface ResolveInput extends AttemptInput {
  readonly client: ProjectClient;
  /** The project's progress before this attempt wrote pins. */
  readonly progress: ProjectProgress;
  readonly appIdHmac: (appId: string) => string;
}

async function resolveAndDelete(project: string, input: ResolveInput, services: Services): Promise<ProjectAttempt> {
  const { client, receipt: before, appIdHmac, until } = input;
  const { together, inAttempt } = client.capacity();
  if (together === 0) return reviewAttempt(before, 'quota-too-small');
  const stored = input.personalData.lookUps[project];
  const request = {
    identifiers: input.personalData.identifiers,
    submittedAt: before.submittedAt,
    maxCustomers: maxCustomersFor(before) ?? services.settings.limits.customersPerRequest,
    lookUps: stored,
  };
  const { resolved, lookUps } = await resolve(request, { voucherify: client, appIdHmac, until, mostPages: inAttempt });
  const isAdded = lookUps.results.length > 0 && lookUps !== stored;
  if (resolved.kind === 'retry') return failedAttempt(before, resolved, isAdded ? lookUps : undefined);
  // After a review the customers are looked up again: the operator may have changed them.
  if (resolved.kind === 'review') return failedAttempt(before, resolved, stored && noLookUps);
  if (resolved.kind !== 'found') {
    return { receipt: before, result: { kind: resolved.kind, deletions: [], knownPins: 0 }, alarms: [] };
  }
  const pins = resolved.candidates.map(({ id, seen }) => ({ customerId: id, seen, appIdHmac: lookUps.appIdHmac }));
  const { receipt, done } = await updateReceipt(
    services.store,
    before,
    current => recordPins(current, before.claims, project, pins.length),
    () => ({ pins: { project, pins }, ...(stored && { lookUps: [{ project, lookUps: undefined }] }) }),
  );
  if (!done) return failedAttempt(receipt, retryLater('superseded', { stop: true }));
  // Look-ups of an earlier attempt may be hours old: then each customer is checked again before the deletion.
  return deletePinned(project, { ...input, receipt, pins, justResolved: stored === undefined }, services);
}

interface DeleteInput extends ResolveInput {
  readonly pins: readonly Pin[];
  readonly justResolved: boolean;
}

async function deletePinned(project: string, input: DeleteInput, services: Services): Promise<ProjectAttempt> {
  const { receipt, progress, pins, justResolved, until } = input;
  const proved = progress.deletions.map(deletion => deletion.pin);
  const done = new Set([...proved, ...(progress.absent ?? [])]);
  if (!justResolved && input.client.capacity().together < 2) return reviewAttempt(receipt, 'quota-too-small');
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
    now: services.now,
    until,
  });
  if (failure !== undefined) return { receipt, result: { ...failure, ...deleted, resumable: true }, alarms };
  const { deletions } = deleted;
  if (deletions.length + proved.length > 0) return { receipt, result: { kind: 'erased', deletions }, alarms };
  const kind = endWithoutMatch(input.personalData.identifiers);
  return { receipt, result: { kind, deletions: [], knownPins: pins.length }, alarms };
}

/** Reports a failure before any deletion, and the look-ups to store for the next attempt. */
function failedAttempt(receipt: Receipt, failure: CallFailure, lookUps?: LookUpResults): ProjectAttempt {
  const result = { ...failure, deletions: [], mayHaveExecuted: false, ...(lookUps && { lookUps, resumable: true }) };
  return { receipt, result, alarms: failure.alarm === undefined ? [] : [failure.alarm] };
}

function reviewAttempt(receipt: Receipt, code: string): ProjectAttempt {
  return failedAttempt(receipt, needsReview(code));
}
