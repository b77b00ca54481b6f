import type { HttpReply } from '../../../lambda/domain/http.ts';

/** A request that a platform could have sent, and what must come of it. */
export interface SmokeRequest {
  /** What is sent and what it leaves behind, in words. */
  readonly sends: string;
  readonly body: string;
  /** Proves it with a secret's text, whichever that may be. */
  headers(secretText: string, now: number): Readonly<Record<string, string>>;
  /** The status that a wrong secret gets. */
  readonly refusedWith: 401 | 403;
  /** What a genuine one proves when it is answered as it must be; `undefined` for every other answer. */
  judge(reply: Pick<HttpReply, 'status' | 'body'>): string | undefined;
}

/** A platform whose requests only itself can sign: where to have it send one, and how a stranger is told apart. */
export interface NoSmokeRequest extends Pick<SmokeRequest, 'body' | 'headers' | 'refusedWith'> {
  readonly instead: string;
}

/** An id that nobody has, and that is seen to be invented. */
export interface InventedPerson {
  readonly uuid: string;
  readonly name: string;
}

export const json = { 'Content-Type': 'application/json', Accept: 'application/json' };
