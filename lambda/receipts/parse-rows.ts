import * as v from 'valibot';
import type { LookUpResults } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { parseJson } from '../io/json.ts';
import { actionsLeft } from './receipt.ts';
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
import { storeUnavailable } from './store.ts';

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
