import type { PublicKey } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { OpsContext } from '../context.ts';
import { isoSeconds, oneLine, toned } from '../terminal.ts';
import { type SignatureVerdict, verifyAddendum } from './signed-evidence.ts';

/** An event about a customer with an identifier of an erased person. */
export interface Reappearance {
  readonly at: string;
  readonly project: string;
  readonly type: string;
  readonly matched: readonly string[];
  readonly channel?: string;
  readonly verdict: SignatureVerdict | 'unsigned';
  /** The signed addendum, a compact JWS. */
  readonly jws?: string;
}

/** Returns the reappearances of the person of a receipt, oldest first, with the result of verifying their signatures. */
export async function readReappearances(
  { id, evidence = '' }: Receipt,
  store: OpsContext['store'],
  publicKey: () => Promise<PublicKey>,
): Promise<readonly Reappearance[]> {
  const addenda = (await store.addendaOf(id)).toSorted((a, b) => a.occurredAt - b.occurredAt);
  return Promise.all(
    addenda.map(async ({ occurredAt, project, type, matched, channel, jws }) => ({
      ...{ at: isoSeconds(occurredAt), project, type, matched },
      ...(channel === undefined ? {} : { channel }),
      verdict: jws === undefined ? ('unsigned' as const) : await verifyAddendum(jws, evidence, publicKey),
      ...(jws === undefined ? {} : { jws }),
    })),
  );
}

/** The question that {@link reappearanceLines} answers. */
export const reappearanceHeading = 'Did the person come back?';

/** Returns one line for each reappearance. */
export function reappearanceLines(all: readonly Reappearance[]): readonly string[] {
  if (all.length === 0) return ['no event about a customer with these identifiers was received'];
  return all.map(({ at, project, type, matched, channel, verdict }) => {
    const source = channel === undefined ? '' : `, channel ${channel}`;
    const line = `${at}  ${type} in project ${project}, same ${matched.join(' and ')}${source}; ${verdicts[verdict]}`;
    return verdict === 'bad' ? toned('bad', oneLine(line)) : oneLine(line);
  });
}

const verdicts: Readonly<Record<Reappearance['verdict'], string>> = {
  good: 'the signature is valid',
  bad: 'THE SIGNATURE IS INVALID',
  'another-key': 'signed with another key',
  unchecked: 'the signature was not verified',
  unsigned: 'not signed yet',
};
