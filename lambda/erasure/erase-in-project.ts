import type { LookUpResults } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import type { ProjectProgress, Receipt } from '../receipts/receipt.ts';
import type { ProjectResult } from '../receipts/record-attempt.ts';
import type { PersonalDataWithPins, Pin } from '../receipts/store.ts';
import { maxCustomersFor, recordPins } from '../receipts/transitions.ts';
import { updateReceipt } from '../receipts/update.ts';
import type { Services } from '../services.ts';
import type { CallFailure } from '../voucherify/classify.ts';
import { lookUpCalls } from '../voucherify/find-customers.ts';
import { lookUpProgress } from '../voucherify/look-up-progress.ts';
import type { ProjectClient } from '../voucherify/project.ts';
import { endWithoutMatch, resolve } from '../voucherify/resolve.ts';
import { deleteCustomers } from './delete-customers.ts';

/** The way of this attempt to a project; none to a project that settings no longer hold. */
export type ClientFor = (project: string) => ProjectClient | undefined;

export interface AttemptInput {
  readonly receipt: Receipt;
  readonly personalData: PersonalDataWithPins;
  readonly until: number;
  readonly clientFor: ClientFor;
}

export interface ProjectAttempt {
  /** The receipt as it stands after the pins were written. */
  readonly receipt: Receipt;
  readonly result: ProjectResult;
  readonly alarms: readonly Alarm[];
}

/** One attempt in one project: everybody is looked up and pinned before anybody is deleted. */
export async function eraseInProject(
  project: string,
  handle: AttemptInput,
  services: Services,
): Promise<ProjectAttempt> {
  const way = handle.clientFor(project);
  const progress = handle.receipt.projects[project];
  if (way === undefined || progress === undefined) return reviewAttempt(handle.receipt, 'project-not-in-settings');
  const pins = handle.personalData.pins[project] ?? [];
  if (pins.length !== progress.pins) return reviewAttempt(handle.receipt, 'pins-missing');
  if (pins.length > 0) return deletePinned(project, { ...handle, way, progress, pins, justResolved: false }, services);
  return resolveAndDelete(project, { ...handle, way, progress }, services);
}

interface Resolving extends AttemptInput {
  readonly way: ProjectClient;
  /** As it stood under the claim, so before the pins of this attempt. */
  readonly progress: ProjectProgress;
}

async function resolveAndDelete(project: string, handle: Resolving, services: Services): Promise<ProjectAttempt> {
  const { identifiers } = handle.personalData;
  const asked = {
    identifiers,
    submittedAt: handle.receipt.submittedAt,
    maxCustomers: maxCustomersFor(handle.receipt) ?? services.settings.limits.customersPerRequest,
  };
  const { voucherify, limitedClient } = handle.way;
  const { together, inAttempt } = limitedClient.capacity();
  if (together === 0) return reviewAttempt(handle.receipt, 'quota-too-small');
  const kept = handle.personalData.lookUps[project];
  const progress = lookUpProgress(kept, (await services.pseudonymizer()).appId);
  // Most requests find one customer: its deletion is reserved along with the look-ups.
  limitedClient.expectCalls({ calls: Math.max(0, lookUpCalls(identifiers) - progress.count()) + 1 });
  const ways = { voucherify, progress, now: services.now, until: handle.until, mostPages: inAttempt };
  const resolved = await resolve(asked, ways);
  if (resolved.kind === 'retry') return failedAttempt(handle.receipt, resolved, progress.added());
  // What a person decides on is looked up anew: they may have changed it by then.
  if (resolved.kind === 'review') return failedAttempt(handle.receipt, resolved, kept && noLookUps);
  if (resolved.kind !== 'found') {
    return { receipt: handle.receipt, result: { kind: resolved.kind, deletions: [], knownPins: 0 }, alarms: [] };
  }
  const appIdHmac = progress.appIdHmac();
  const pins = resolved.candidates.map(({ id, seen }) => ({ customerId: id, seen, appIdHmac }));
  const generation = handle.receipt.claims;
  const { receipt, done } = await updateReceipt(
    services.store,
    handle.receipt,
    standing => recordPins(standing, generation, project, pins.length),
    () => ({ pins: { project, pins }, ...(kept && { lookUps: [{ project, lookUps: undefined }] }) }),
  );
  if (!done) return failedAttempt(receipt, { kind: 'retry', code: 'superseded', mayHaveExecuted: false, stop: true });
  // What an earlier attempt found may be hours old, so it is looked at again before it is deleted.
  return deletePinned(project, { ...handle, receipt, pins, justResolved: kept === undefined }, services);
}

const noLookUps: LookUpResults = { appIdHmac: '', results: [] };

interface Deleting extends Resolving {
  readonly pins: readonly Pin[];
  readonly justResolved: boolean;
}

async function deletePinned(project: string, handle: Deleting, services: Services): Promise<ProjectAttempt> {
  const { mayHaveExecuted: executedBefore } = handle.progress;
  const proved = handle.progress.deletions.map(deletion => deletion.pin);
  const done = new Set([...proved, ...(handle.progress.absent ?? [])]);
  const hmacs = await services.pseudonymizer();
  const { voucherify, limitedClient } = handle.way;
  const { justResolved } = handle;
  if (!justResolved && limitedClient.capacity().together < 2) return reviewAttempt(handle.receipt, 'quota-too-small');
  limitedClient.expectCalls({
    calls: (handle.pins.length - done.size) * (justResolved ? 1 : 2),
    inPairs: !justResolved,
  });
  const todo = {
    ...handle,
    project,
    voucherify,
    done,
    mayHaveExecuted: executedBefore,
    now: services.now,
    appIdHmac: hmacs.appId,
  };
  const deletedPins = await deleteCustomers(todo);
  const { deletions, absent, mayHaveExecuted, failure, alarms } = deletedPins;
  if (failure !== undefined)
    return {
      receipt: handle.receipt,
      result: { ...failure, deletions, absent, mayHaveExecuted: mayHaveExecuted, resumable: true },
      alarms,
    };
  const anybody = deletions.length + proved.length > 0;
  const end = endWithoutMatch(handle.personalData.identifiers);
  const nobody = { kind: end, deletions: [], knownPins: handle.pins.length } as const;
  return { receipt: handle.receipt, result: anybody ? { kind: 'erased', deletions } : nobody, alarms };
}

function failedAttempt(receipt: Receipt, trouble: CallFailure, lookUps?: LookUpResults): ProjectAttempt {
  const alarms = trouble.alarm === undefined ? [] : [trouble.alarm];
  return {
    receipt,
    result: { ...trouble, deletions: [], mayHaveExecuted: false, ...(lookUps && { lookUps, resumable: true }) },
    alarms,
  };
}

function reviewAttempt(receipt: Receipt, code: string): ProjectAttempt {
  return failedAttempt(receipt, { kind: 'review', code, mayHaveExecuted: false, stop: true });
}
