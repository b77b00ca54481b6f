import { deletePins } from './delete-pins.ts';
import type { LookUpResults } from './erasure.ts';
import type { Alarm } from './failure.ts';
import type { Parts } from './parts.ts';
import { advance } from './receipts/advance.ts';
import { pinned } from './receipts/claiming.ts';
import { mostCustomersOf } from './receipts/deciding.ts';
import type { ProjectProgress, Receipt } from './receipts/receipt.ts';
import type { ProjectResult } from './receipts/result.ts';
import type { KeptWithPins, Pin } from './receipts/store.ts';
import { lookUpCalls } from './voucherify/find-customers.ts';
import { lookUpProgress } from './voucherify/look-up-progress.ts';
import type { Way } from './voucherify/project.ts';
import { endWithoutMatch, resolve } from './voucherify/resolve.ts';
import type { Trouble } from './voucherify/trouble.ts';

/** The way of this attempt to a project; none to a project that settings no longer hold. */
export type WayTo = (project: string) => Way | undefined;

export interface Handle {
  readonly receipt: Receipt;
  readonly kept: KeptWithPins;
  readonly until: number;
  readonly wayTo: WayTo;
}

export interface ErasedInProject {
  /** The receipt as it stands after the pins were written. */
  readonly receipt: Receipt;
  readonly result: ProjectResult;
  readonly alarms: readonly Alarm[];
}

/** One attempt in one project: everybody is looked up and pinned before anybody is deleted. */
export async function eraseInProject(project: string, handle: Handle, parts: Parts): Promise<ErasedInProject> {
  const way = handle.wayTo(project);
  const progress = handle.receipt.projects[project];
  if (way === undefined || progress === undefined) return human(handle.receipt, 'project-not-in-settings');
  const pins = handle.kept.pins[project] ?? [];
  if (pins.length !== progress.pins) return human(handle.receipt, 'pins-missing');
  if (pins.length > 0) return deleting(project, { ...handle, way, progress, pins, justResolved: false }, parts);
  return resolving(project, { ...handle, way, progress }, parts);
}

interface Resolving extends Handle {
  readonly way: Way;
  /** As it stood under the claim, so before the pins of this attempt. */
  readonly progress: ProjectProgress;
}

async function resolving(project: string, handle: Resolving, parts: Parts): Promise<ErasedInProject> {
  const { identifiers } = handle.kept;
  const asked = {
    identifiers,
    submittedAt: handle.receipt.submittedAt,
    mostCustomers: mostCustomersOf(handle.receipt) ?? parts.settings.limits.customersPerRequest,
  };
  const { voucherify, gate } = handle.way;
  const { together, inAttempt } = gate.capacity();
  if (together === 0) return human(handle.receipt, 'quota-too-small');
  const kept = handle.kept.lookUps[project];
  const progress = lookUpProgress(kept, (await parts.macs()).appId);
  // Most requests find one customer: its deletion is reserved along with the look-ups.
  gate.expect({ calls: Math.max(0, lookUpCalls(identifiers) - progress.count()) + 1 });
  const ways = { voucherify, progress, now: parts.now, until: handle.until, mostPages: inAttempt };
  const resolved = await resolve(asked, ways);
  if (resolved.kind === 'later') return troubled(handle.receipt, resolved, progress.added());
  // What a person decides on is looked up anew: they may have changed it by then.
  if (resolved.kind === 'human') return troubled(handle.receipt, resolved, kept && noLookUps);
  if (resolved.kind !== 'found') {
    return { receipt: handle.receipt, result: { kind: resolved.kind, deletions: [], knownPins: 0 }, alarms: [] };
  }
  const appIdMac = progress.appIdMac();
  const pins = resolved.candidates.map(({ id, seen }) => ({ customerId: id, seen, appIdMac }));
  const generation = handle.receipt.claims;
  const { receipt, done } = await advance(
    parts.store,
    handle.receipt,
    standing => pinned(standing, generation, project, pins.length),
    () => ({ pins: { project, pins }, ...(kept && { lookUps: [{ project, lookUps: undefined }] }) }),
  );
  if (!done) return troubled(receipt, { kind: 'later', code: 'overtaken', effect: 'none', stop: true });
  // What an earlier attempt found may be hours old, so it is looked at again before it is deleted.
  return deleting(project, { ...handle, receipt, pins, justResolved: kept === undefined }, parts);
}

const noLookUps: LookUpResults = { appIdMac: '', results: [] };

interface Deleting extends Resolving {
  readonly pins: readonly Pin[];
  readonly justResolved: boolean;
}

async function deleting(project: string, handle: Deleting, parts: Parts): Promise<ErasedInProject> {
  const { tried: mayBeTried } = handle.progress;
  const proved = handle.progress.deletions.map(deletion => deletion.pin);
  const done = new Set([...proved, ...(handle.progress.absent ?? [])]);
  const macs = await parts.macs();
  const { voucherify, gate } = handle.way;
  const { justResolved } = handle;
  if (!justResolved && gate.capacity().together < 2) return human(handle.receipt, 'quota-too-small');
  gate.expect({ calls: (handle.pins.length - done.size) * (justResolved ? 1 : 2), inPairs: !justResolved });
  const todo = { ...handle, project, voucherify, done, mayBeTried, now: parts.now, appIdMac: macs.appId };
  const deletedPins = await deletePins(todo);
  const { deletions, absent, tried, trouble, alarms } = deletedPins;
  if (trouble !== undefined)
    return { receipt: handle.receipt, result: { ...trouble, deletions, absent, tried, resumable: true }, alarms };
  const anybody = deletions.length + proved.length > 0;
  const end = endWithoutMatch(handle.kept.identifiers);
  const nobody = { kind: end, deletions: [], knownPins: handle.pins.length } as const;
  return { receipt: handle.receipt, result: anybody ? { kind: 'erased', deletions } : nobody, alarms };
}

function troubled(receipt: Receipt, trouble: Trouble, lookUps?: LookUpResults): ErasedInProject {
  const alarms = trouble.alarm === undefined ? [] : [trouble.alarm];
  return {
    receipt,
    result: { ...trouble, deletions: [], tried: false, ...(lookUps && { lookUps, resumable: true }) },
    alarms,
  };
}

function human(receipt: Receipt, code: string): ErasedInProject {
  return troubled(receipt, { kind: 'human', code, effect: 'none', stop: true });
}
