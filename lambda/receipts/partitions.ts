import { isClosingDecided } from './receipt.ts';
import type { Receipt } from './row-schemas.ts';

/** A part of the queue `erase`: the receipts that the same pauses hold. A receipt stays in its part while it is open. */
export interface ErasePartition {
  readonly platform: string;
  readonly projects: readonly string[];
}

/** Decides whether a part of the queue `erase` is asked. `undefined` is the part that no pause holds. */
export type SelectPartition = (partition: ErasePartition | undefined) => boolean;

/** The part that no pause holds: an operator has decided to close these receipts. */
export const unpausable = 'erase';

/**
 * Returns the partition of the index that a receipt is in, if it is in a queue: the queue's name, for erasures with
 * what a pause can hold.
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
