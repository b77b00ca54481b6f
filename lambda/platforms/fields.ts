import * as v from 'valibot';
import { Failure } from '../failure.ts';

/**
 * The fields of a body that a contract asks for. Throws `invalid`: the first field that does not fit is named, its value
 * is not.
 */
export function parseBody<S extends v.GenericSchema>(schema: S, body: unknown, contract: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, body, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const field = v.getDotPath(parsed.issues[0]) ?? 'body';
  throw new Failure('invalid', `${field}: is missing or not what ${contract} asks for`);
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** An RFC 3339 time in epoch milliseconds; `undefined` for anything else, a time without a zone included. */
export function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !rfc3339.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}
