import type { KeyObject } from 'node:crypto';
import { es384Key } from '../../authentication/signed-token.ts';
import { Failure } from '../../domain/failure.ts';
import type { VerifyContext } from '../platform.ts';
import type { TranscendSettings } from './request.ts';

/** Credentials for Sombra, as headers. */
export type SombraHeaders = Readonly<Record<string, string>>;

/** Sombra's public key. `renewed` asks for one that is newer than the one that did not fit. Throws `unavailable`. */
export type SigningKey = (means: VerifyContext, headers: SombraHeaders, renewed?: boolean) => Promise<KeyObject>;

/** How long a key is used without asking again, as Transcend advises, and how long while nobody answers. */
const cacheMs = 3_600_000;
const staleMs = 86_400_000;

/** Between two fetches, whatever came of the first; and how long one may take. */
const coolDownMs = 60_000;
const fetchMs = 2000;

/**
 * The key that settings pin; else Sombra's, kept in this process. Source: Transcend docs, API reference, "GET
 * /public-keys/sombra-general-signing-key".
 */
export function signingKey({ publicKey, sombraUrl }: TranscendSettings): SigningKey {
  const pinned = publicKey === undefined ? undefined : es384Key(publicKey);
  if (pinned !== undefined) return async () => pinned;
  let kept: { readonly key: KeyObject; readonly at: number } | undefined;
  let problem = noAnswer;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  const fetchInto = async (means: VerifyContext, headers: SombraHeaders) => {
    const at = means.now();
    const fetched = await fetchKey(sombraUrl, means, headers);
    if (fetched instanceof Failure) problem = fetched;
    else kept = { key: fetched, at };
  };
  return async (means, headers, renewed = false) => {
    const now = means.now();
    const isOld = kept === undefined || now - kept.at >= (renewed ? coolDownMs : cacheMs);
    if (isOld && now - triedAt >= coolDownMs) {
      triedAt = now;
      fetching = fetchInto(means, headers);
    }
    // Whoever comes while it is fetched waits for the same answer.
    await fetching;
    if (kept !== undefined && now - kept.at < staleMs) return kept.key;
    throw problem;
  };
}

const noAnswer = new Failure('unavailable', "Sombra's public key is unavailable");
const refused = new Failure('unavailable', 'Sombra refuses our API key', { alarm: 'secret-unusable' });

async function fetchKey(
  sombraUrl: string,
  { send, now }: VerifyContext,
  headers: SombraHeaders,
): Promise<KeyObject | Failure> {
  const url = new URL('/public-keys/sombra-general-signing-key', sombraUrl);
  const until = now() + fetchMs;
  const result = await send({ method: 'GET', url, headers: { ...headers, accept: 'text/plain' }, until });
  if (result.kind !== 'answer') return noAnswer;
  if (result.status === 401 || result.status === 403) return refused;
  return (result.status === 200 ? es384Key(result.body) : undefined) ?? noAnswer;
}
