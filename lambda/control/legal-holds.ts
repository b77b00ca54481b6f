import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import { anyHoldKey, anyHoldRow } from './pauses.ts';
import type { VersionedRow, VersionedStore } from './versioned-store.ts';

/*
 * Legal holds: people who must not be erased until a day. Three kinds of control rows: one row per held identifier, one
 * with the ids of all of them, and one with the time until which any can be in effect. An attempt reads the last one
 * together with the pauses (pauses.ts), so that holds cost no call as long as there are none. Rows in an unknown format count as a hold.
 */

/** Who decided on a hold or its release, why, and when (epoch milliseconds). */
interface HoldDecision {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** A hold of one identifier. */
export interface LegalHold extends HoldDecision {
  /** The HMAC of kind and canonical value, as in look-up rows. */
  readonly id: string;
  readonly kind: string;
  /** The hold ends at this time (epoch milliseconds). */
  readonly until: number;
}

const changeSchema = v.looseObject({
  action: v.picklist(['hold', 'release']),
  actor: v.string(),
  reason: v.string(),
  at: v.number(),
  until: v.number(),
});
/** The newest change is the last one, and it decides. */
const holdRow = v.looseObject({ kind: v.string(), history: v.pipe(v.array(changeSchema), v.nonEmpty()) });
const idsRow = v.looseObject({ ids: v.array(v.string()) });

const idsKey = 'legal-holds#ids';
const keyOf = (id: string) => `legal-hold#${id}`;

/** The most holds at one time: their ids are in one row, whose limit is 400 KB (DynamoDB, Service quotas). */
const maxLegalHolds = 5000;

/** The number of changes that are stored for each hold. */
const maxHistory = 50;

/** How often a write is tried when others change the row at the same time. */
const maxTries = 8;

/** A row of a hold expires this long after its end, as receipts do after they are closed: 762 days, in milliseconds. */
const keptMs = 762 * 86_400_000;

/** The longest time from the beginning of an attempt, which reads whether any hold exists, to its last deletion, in ms. */
const attemptMs = 60_000;

/** The rows of one read (DynamoDB API Reference, BatchGetItem: 100). Other reads of the same turn may join it. */
const maxRead = 80;

const noRow: VersionedRow = { revision: 0, value: undefined };

/** Returns those of these ids whose hold is in effect. Throws `unavailable` if the store cannot be reached. */
export async function readActiveHolds(
  ids: readonly string[],
  control: VersionedStore,
  now: number,
): Promise<readonly string[]> {
  const rows = await readRows([...new Set(ids)], control);
  return [...rows].flatMap(([id, row]) => (isActive(row, now) ? [id] : []));
}

/** Returns the holds that are in effect, the oldest first. Throws as {@link readActiveHolds} does. */
export async function listLegalHolds(control: VersionedStore, now: number): Promise<readonly LegalHold[]> {
  const rows = await readRows(idsOf((await control.read([idsKey])).get(idsKey) ?? noRow), control);
  const holds = [...rows].flatMap(([id, row]) => (isActive(row, now) ? [describeHold(id, row)] : []));
  return holds.toSorted((a, b) => a.at - b.at);
}

export interface HoldResult {
  /** False if the hold was already in effect as long: the first reason is kept. */
  readonly changed: boolean;
  /** From this time on, no customer with this identifier can be deleted. In epoch milliseconds; it may be in the past. */
  readonly sureAt: number;
}

/**
 * Sets a hold, or extends one to a later day. Safe to repeat after a failure: the row that puts it into effect is always
 * written again, and last. An attempt that began when there was no hold at all can still delete for a minute.
 */
export async function setLegalHold(hold: LegalHold, control: VersionedStore): Promise<HoldResult> {
  const { id, kind, actor, reason, at, until } = hold;
  const change = { action: 'hold' as const, actor, reason, at, until };
  let end = until;
  const changed = await updateRow(keyOf(id), control, row => {
    end = isActive(row, at) ? Math.max(until, endOf(row)) : until;
    if (isActive(row, at) && endOf(row) >= until) return undefined;
    return { value: withChange(row, kind, change), expiresAt: expiryOf(until) };
  });
  await updateRow(idsKey, control, row => ({ value: { ids: withId(id, row) } }));
  let since = at;
  await updateRow(anyHoldKey, control, row => {
    const any = anyOf(row);
    since = any.until > at ? any.since : at;
    return { value: { until: Math.max(end, any.until), since } };
  });
  return { changed, sureAt: since + attemptMs };
}

/** Releases a hold. Returns false if none is in effect. */
export async function releaseLegalHold(
  id: string,
  { actor, reason, at }: HoldDecision,
  control: VersionedStore,
): Promise<boolean> {
  const change = { action: 'release' as const, actor, reason, at, until: at };
  const changed = await updateRow(keyOf(id), control, row =>
    isActive(row, at) ? { value: withChange(row, kindOf(row), change), expiresAt: expiryOf(at) } : undefined,
  );
  await forgetEnded(control, at);
  return changed;
}

/**
 * Removes ended holds from the list, and then shortens the time until which any can be in effect. A hold that is set at the
 * same time writes the same row after its others, so one of the two writers reads what the other has written.
 */
async function forgetEnded(control: VersionedStore, now: number): Promise<void> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    // The holds stay in effect if no try succeeds: then attempts read more rows than necessary.
    const before = (await control.read([anyHoldKey])).get(anyHoldKey) ?? noRow;
    if (before.revision === 0) return;
    const listed = (await control.read([idsKey])).get(idsKey) ?? noRow;
    const rows = await readRows(idsOf(listed), control);
    const active = [...rows].filter(([, row]) => isActive(row, now));
    const kept = active.map(([id]) => id);
    if (kept.length < idsOf(listed).length && !(await control.write(idsKey, listed.revision, { ids: kept })).written)
      continue;
    const until = Math.max(0, ...active.map(([, row]) => endOf(row)));
    if ((await control.write(anyHoldKey, before.revision, { ...anyOf(before), until })).written) return;
  }
}

interface RowChange {
  readonly value: object;
  readonly expiresAt?: number;
}

/** Writes a row; returns false if `change` returns nothing. Throws `unavailable` after too many conflicts. */
async function updateRow(
  key: string,
  control: VersionedStore,
  change: (row: VersionedRow) => RowChange | undefined,
): Promise<boolean> {
  let current = (await control.read([key])).get(key) ?? noRow;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const next = change(current);
    if (next === undefined) return false;
    const { written, row } = await control.write(key, current.revision, next.value, next.expiresAt);
    if (written) return true;
    current = row;
  }
  throw new Failure('unavailable', 'the hold cannot be written', { alarm: 'store-unavailable' });
}

async function readRows(ids: readonly string[], control: VersionedStore): Promise<ReadonlyMap<string, VersionedRow>> {
  const found = new Map<string, VersionedRow>();
  for (let first = 0; first < ids.length; first += maxRead) {
    const part = ids.slice(first, first + maxRead);
    const rows = await control.read(part.map(keyOf));
    for (const id of part) found.set(id, rows.get(keyOf(id)) ?? noRow);
  }
  return found;
}

function isActive(row: VersionedRow, now: number): boolean {
  return row.revision > 0 && endOf(row) > now;
}

/** Returns when a hold ends or ended, in epoch milliseconds. One in an unknown format does not end. */
function endOf({ value }: VersionedRow): number {
  const parsed = v.safeParse(holdRow, value);
  return parsed.success ? (parsed.output.history.at(-1)?.until ?? 0) : Number.POSITIVE_INFINITY;
}

function kindOf({ value }: VersionedRow): string {
  const parsed = v.safeParse(holdRow, value);
  return parsed.success ? parsed.output.kind : 'unknown';
}

function describeHold(id: string, row: VersionedRow): LegalHold {
  const parsed = v.safeParse(holdRow, row.value);
  const last = parsed.success ? parsed.output.history.at(-1) : undefined;
  const { actor = 'unknown', reason = 'unknown', at = 0 } = last ?? {};
  return { id, kind: kindOf(row), actor, reason, at, until: endOf(row) };
}

function withChange({ value }: VersionedRow, kind: string, change: v.InferOutput<typeof changeSchema>): object {
  const parsed = v.safeParse(holdRow, value);
  const fields = parsed.success ? parsed.output : { history: [] };
  return { ...fields, kind, history: [...fields.history, change].slice(-maxHistory) };
}

function withId(id: string, row: VersionedRow): readonly string[] {
  const ids = [...new Set([...idsOf(row), id])];
  if (ids.length > maxLegalHolds) {
    throw new Failure('too-large', `at most ${maxLegalHolds} legal holds: release some first`);
  }
  return ids;
}

function idsOf({ revision, value }: VersionedRow): readonly string[] {
  const parsed = v.safeParse(idsRow, value);
  if (!parsed.success && revision > 0) throw new Failure('unavailable', 'the list of holds has an unknown format');
  return parsed.success ? parsed.output.ids : [];
}

function anyOf({ value }: VersionedRow): v.InferOutput<typeof anyHoldRow> {
  const parsed = v.safeParse(anyHoldRow, value);
  return parsed.success ? parsed.output : { until: 0, since: 0 };
}

/** In epoch seconds. */
function expiryOf(end: number): number {
  return Math.ceil((end + keptMs) / 1000);
}
