import * as v from 'valibot';
import type { LookUpResults } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { parseJson } from '../io/json.ts';
import { actionsLeft, isClosingDecided } from './receipt.ts';
import {
  type Addendum,
  addendumSchema,
  type PersonalData,
  type Pin,
  personalDataSchema,
  pinsSchema,
  type Receipt,
  receiptSchema,
  storedObject,
} from './row-schemas.ts';

/*
 * What the stores share: how a stored row is read, which part of the index a receipt is in, and how they fail.
 */

/**
 * Reads a receipt's row. Throws `unavailable` for a version that this code does not know, which must be left to code that
 * does, and for a row whose receipt has another id than `id`.
 */
export function parseReceiptRow(row: string, id?: string): Receipt {
  const receipt = parseRow(receiptSchema, row);
  if (id !== undefined && receipt.id !== id) {
    throw storeUnavailable('a stored row contains another receipt than its key names');
  }
  return receipt;
}

/** Throws as {@link parseReceiptRow} does. */
export function parsePersonalDataRow(row: string): PersonalData {
  return parseRow(personalDataSchema, row);
}

/** Throws as {@link parseReceiptRow} does. */
export function parsePinsRow(row: string): readonly Pin[] {
  return parseRow(pinsSchema, row);
}

const lookUpsSchema = storedObject({
  appIdHmac: v.string(),
  results: v.array(
    storedObject({
      identifier: v.number(),
      spelling: v.string(),
      identifiable: v.boolean(),
      candidates: v.array(
        storedObject({
          id: v.string(),
          seen: v.boolean(),
          createdAt: v.exactOptional(v.string()),
          subjectHmacs: v.exactOptional(v.array(v.string())),
        }),
      ),
      refused: v.exactOptional(v.string()),
      createdLater: v.exactOptional(v.number()),
    }),
  ),
});

/** Throws as {@link parseReceiptRow} does. */
export function lookUpsFrom(row: string): LookUpResults {
  return parseRow(lookUpsSchema, row);
}

/** Throws as {@link parseReceiptRow} does. */
export function parseAddendumRow(row: string): Addendum {
  return parseRow(addendumSchema, row);
}

function parseRow<T>(schema: v.GenericSchema<unknown, T>, row: string): T {
  const parsed = v.safeParse(schema, parseJson(row)?.value);
  if (!parsed.success) throw storeUnavailable('a stored row has a version that this code does not know');
  return parsed.output;
}

/** Throws `too-large` for a receipt that one transaction could not close. */
export function rejectOversized(receipt: Receipt): void {
  if (actionsLeft(receipt) < 0) throw new Failure('too-large', 'identifiers: more than one request may contain');
}

/** A part of the queue `erase`: the receipts that the same pauses stop. A receipt stays in its part while it is open. */
export interface ErasePartition {
  readonly platform: string;
  readonly projects: readonly string[];
}

/** Decides whether a part of the queue `erase` is asked. `undefined` is the part that no pause stops. */
export type SelectPartition = (partition: ErasePartition | undefined) => boolean;

/** The part that no pause stops: an operator has decided to close these receipts. */
export const unpausable = 'erase';

/**
 * Returns the partition of the index that a receipt is in, if it is in a queue: the queue's name, for erasures with
 * what a pause can stop.
 */
export function partitionOf(receipt: Receipt): string | undefined {
  const { queue, platform, projects } = receipt;
  if (queue !== 'erase' || isClosingDecided(receipt)) return queue;
  return partitionName({ platform, projects: Object.keys(projects) });
}

/**
 * Returns the name of a part of the queue `erase`. The order of its projects does not matter. A receipt has at most 48
 * projects, and names have at most 40 characters, so it fits into a partition key of 2,048 bytes (DynamoDB Developer
 * Guide, Quotas).
 */
export function partitionName({ platform, projects }: ErasePartition): string {
  return `${unpausable}#${platform}#${projects.toSorted().join(',')}`;
}

/** Returns whether a name in the index belongs to the queue `erase`. */
export function isErasePartition(name: string): boolean {
  return name === unpausable || name.startsWith(`${unpausable}#`);
}

/** Returns what a name says; `undefined` for {@link unpausable}, and for a name that another version wrote. */
export function parsePartition(name: string): ErasePartition | undefined {
  const [queue, platform, projects, ...others] = name.split('#');
  if (queue !== unpausable || platform === undefined || projects === undefined || others.length > 0) return undefined;
  return { platform, projects: projects.split(',').filter(project => project !== '') };
}

/** A receipt in the index, and when it is due. */
export interface DueReceipt {
  readonly id: string;
  readonly at: number;
}

/**
 * Merges what is due in several partitions: the ids, the oldest first, at most `limit`. The index may lag and still have a
 * receipt in the partition that it has left.
 */
export function oldestFirst(partitions: readonly (readonly DueReceipt[])[], limit: number): readonly string[] {
  const inOrder = partitions.flat().toSorted((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
  return [...new Set(inOrder.map(({ id }) => id))].slice(0, Math.max(limit, 0));
}

/** Returns the error that every store throws if it fails. It says nothing about stored data or the cause. */
export function storeUnavailable(message = 'the receipt store cannot be reached'): Failure {
  return new Failure('unavailable', message, { alarm: 'store-unavailable' });
}

/** Runs a method of a store. Replaces every error that is not a {@link Failure} with {@link storeUnavailable}. */
export async function asStoreFailure<T>(
  run: () => T | Promise<T>,
  failed: (thrown: unknown) => void = () => {},
): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    failed(thrown);
    throw storeUnavailable();
  }
}
