import * as v from 'valibot';
import type { IdentifierKind, LookUpResults } from '../erasure.ts';
import { Failure } from '../failure.ts';
import type { Receipt } from '../receipts/receipt.ts';
import type { PersonalData, Pin } from '../receipts/store.ts';
import { parseJson } from './json.ts';
import { storeUnavailable } from './store-failure.ts';
import { oneOf, receiptSchema } from './stored-receipt.ts';

/*
 * Rows as they are stored, the same text in every store. Two versions of this code may take turns on one row, so
 * fields that are not known here survive, and a row whose known fields are not what they were is left alone.
 */
const kind = oneOf<IdentifierKind>({
  customer_id: 'customer_id',
  source_id: 'source_id',
  email: 'email',
  phone: 'phone',
});

const keptSchema = v.looseObject({
  reference: v.string(),
  scope: v.string(),
  identifiers: v.array(v.looseObject({ kind, value: v.string() })),
  callbacks: v.array(v.looseObject({ url: v.string(), headers: v.record(v.string(), v.string()) })),
});

const pinsSchema = v.array(v.looseObject({ customerId: v.string(), seen: v.boolean(), appIdHmac: v.string() }));

const lookUpsSchema = v.looseObject({
  appIdHmac: v.string(),
  results: v.array(
    v.looseObject({
      identifier: v.number(),
      spelling: v.string(),
      identifiable: v.boolean(),
      candidates: v.array(v.looseObject({ id: v.string(), seen: v.boolean(), createdAt: v.exactOptional(v.string()) })),
    }),
  ),
});

/**
 * Throws `unavailable` for a receipt of a version that this code does not know, which must be left for one that does, and
 * for a row that stands where the receipt `id` should.
 */
export function parseReceiptRow(row: string, id?: string): Receipt {
  const receipt = read(receiptSchema, row);
  if (id !== undefined && receipt.id !== id)
    throw storeUnavailable('a stored row holds another receipt than its key says');
  return receipt;
}

/** Throws as {@link parseReceiptRow} does. */
export function parsePersonalDataRow(row: string): PersonalData {
  return read(keptSchema, row);
}

/** Throws as {@link parseReceiptRow} does. */
export function parsePinsRow(row: string): readonly Pin[] {
  return read(pinsSchema, row);
}

/** Throws as {@link parseReceiptRow} does. */
export function lookUpsFrom(row: string): LookUpResults {
  return read(lookUpsSchema, row);
}

function read<T>(schema: v.GenericSchema<unknown, T>, row: string): T {
  const parsed = v.safeParse(schema, parseJson(row)?.value);
  if (!parsed.success) throw storeUnavailable('a stored row is not of a version that this code knows');
  return parsed.output;
}

/** Actions one transaction may hold (DynamoDB API Reference, TransactWriteItems). */
const mostActions = 100;

/**
 * Throws `too-large` for a receipt that could not be closed in one transaction: closing writes the receipt and every
 * look-up row and deletes what is kept apart and the pins, or else the completed look-ups, of every project.
 */
export function rejectOversized(receipt: Receipt): void {
  const actions = 2 + new Set(receipt.subjectHmacs).size + Object.keys(receipt.projects).length;
  if (actions > mostActions) throw new Failure('too-large', 'identifiers: more than one request may hold');
}
