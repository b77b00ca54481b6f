import { isUsable } from '../../lambda/domain/identifiers.ts';
import type { ManualRequest } from '../../lambda/request/receive-manual.ts';

export type ManualIdentifier = ManualRequest['identifiers'][number];
export type ManualKind = ManualIdentifier['kind'];

/** The kinds of identifiers that can be looked up; also the columns of a CSV file. */
export const manualKinds = ['source_id', 'email', 'customer_id'] as const satisfies readonly ManualKind[];

/** The options, whose only value is `-`. */
export const identifierOptions = manualKinds.map(kind => [kind, kind.replace('_', '-')] as const);

const forms = {
  source_id: 'must be a source_id of Voucherify',
  email: 'must be an e-mail address',
  customer_id: 'must be the id of a customer in Voucherify, such as cust_…',
} as const satisfies Readonly<Record<ManualKind, string>>;

/** Returns why an identifier cannot be looked up, without its value; `undefined` if it can. */
export function mistakeOf(identifier: ManualIdentifier): string | undefined {
  const { kind, value } = identifier;
  if (value.trim() === '') return 'is empty';
  if (kind !== 'email' && value !== value.trim()) return 'begins or ends with white space';
  return isUsable(identifier) ? undefined : forms[kind];
}
