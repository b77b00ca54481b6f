import type { LookUpResults } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import type { ProjectProgress, Receipt } from '../receipts/receipt.ts';
import type { ProjectResult } from '../receipts/record-attempt.ts';
import type { PersonalDataWithPins, Pin } from '../receipts/store.ts';
import { acceptedAppIdHmac, maxCustomersFor, recordPins } from '../receipts/transitions.ts';
import { updateReceipt } from '../receipts/update.ts';
import type { Services } from '../services.ts';
import type { CallFailure } from '../voucherify/classify.ts';
import { lookUpCalls } from '../voucherify/find-customers.ts';
import { lookUpProgress } from '../voucherify/look-up-progress.ts';
import type { ProjectClient } from '../voucherify/project.ts';
import { endWithoutMatch, resolve } from '../voucherify/resolve.ts';
import { deleteCustomers } from './delete-customers.ts';

/** Returns this attempt's client for a project; `undefined` if the project is no longer in settings. */
export type ClientFor = (project: string) => ProjectClient | undefined;

export interface AttemptInput {
  readonly receipt: Receipt;
  readonly personalData: PersonalDataWithPins;
  readonly until: number;
  readonly clientFor: ClientFor;
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
  const client = input.clientFor(project);
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
  const { identifiers } = input.personalData;
  const request = {
    identifiers,
    submittedAt: input.receipt.submittedAt,
    maxCustomers: maxCustomersFor(input.receipt) ?? services.settings.limits.customersPerRequest,
  };
  const { voucherify, limitedClient } = input.client;
  const { together, inAttempt } = limitedClient.capacity();
  if (together === 0) return reviewAttempt(input.receipt, 'quota-too-small');
  const stored = input.personalData.lookUps[project];
  const progress = lookUpProgress(stored, input.appIdHmac);
  // Most requests find one customer, so its deletion is reserved together with the look-ups.
  limitedClient.expectCalls({ calls: Math.max(0, lookUpCalls(identifiers) - progress.count()) + 1 });
  const resolved = await resolve(request, {
    voucherify,
    progress,
    now: services.now,
    until: input.until,
    mostPages: inAttempt,
  });
  if (resolved.kind === 'retry') return failedAttempt(input.receipt, resolved, progress.added());
  // After a review the customers are looked up again: the operator may have changed them.
  if (resolved.kind === 'review') return failedAttempt(input.receipt, resolved, stored && noLookUps);
  if (resolved.kind !== 'found') {
    return { receipt: input.receipt, result: { kind: resolved.kind, deletions: [], knownPins: 0 }, alarms: [] };
  }
  const appIdHmac = progress.appIdHmac();
  const pins = resolved.candidates.map(({ id, seen }) => ({ customerId: id, seen, appIdHmac }));
  const generation = input.receipt.claims;
  const { receipt, done } = await updateReceipt(
    services.store,
    input.receipt,
    current => recordPins(current, generation, project, pins.length),
    () => ({ pins: { project, pins }, ...(stored && { lookUps: [{ project, lookUps: undefined }] }) }),
  );
  if (!done) return failedAttempt(receipt, { kind: 'retry', code: 'superseded', mayHaveExecuted: false, stop: true });
  // Look-ups of an earlier attempt may be hours old: then each customer is checked again before the deletion.
  return deletePinned(project, { ...input, receipt, pins, justResolved: stored === undefined }, services);
}

const noLookUps: LookUpResults = { appIdHmac: '', results: [] };

interface DeleteInput extends ResolveInput {
  readonly pins: readonly Pin[];
  readonly justResolved: boolean;
}

async function deletePinned(project: string, input: DeleteInput, services: Services): Promise<ProjectAttempt> {
  const { receipt, progress, pins, justResolved, until } = input;
  const proved = progress.deletions.map(deletion => deletion.pin);
  const done = new Set([...proved, ...(progress.absent ?? [])]);
  const { voucherify, limitedClient } = input.client;
  if (!justResolved && limitedClient.capacity().together < 2) return reviewAttempt(receipt, 'quota-too-small');
  const callsPerPin = justResolved ? 1 : 2;
  limitedClient.expectCalls({ calls: (pins.length - done.size) * callsPerPin, inPairs: !justResolved });
  const { alarms, failure, ...deleted } = await deleteCustomers({
    project,
    voucherify,
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
  return failedAttempt(receipt, { kind: 'review', code, mayHaveExecuted: false, stop: true });
}
