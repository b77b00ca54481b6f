/**
 * Keys, index and TTL attribute of the two tables, in one place for the adapter, the stack and the local emulator.
 */
export const tableKeys = { partition: 'pk', sort: 'sk' } as const;

/** Sparse, KEYS_ONLY, on the receipts table: a receipt is in it as long as it is in a queue. */
export const queueIndex = { name: 'queue', partition: 'queue', sort: 'nextAttemptAt' } as const;

/** Epoch seconds, a number (DynamoDB Developer Guide, Time to Live); only on the receipts table. */
export const ttlAttribute = 'expiresAt';

/** Partitions of the look-up rows of a subject, and of the addenda of a receipt. */
export const subjectPrefix = 'subject#';
export const addendumPrefix = 'addendum#';
