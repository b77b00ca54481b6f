import type { HttpReply } from '../../../lambda/domain/http.ts';

/** A request as a platform could send it, and its expected result. */
export interface SmokeRequest {
  /** Describes what is sent and what it stores. */
  readonly sends: string;
  readonly body: string;
  /** Returns the headers that authenticate the request with a secret's text. `url` is where it is sent, as https. */
  headers(secretText: string, now: number, url: string): Readonly<Record<string, string>>;
  /** Expected status for a wrong secret. */
  readonly refusedWith: 401 | 403;
  /** Explains an expected reply to the authenticated request; `undefined` for any other reply. */
  judge(reply: Pick<HttpReply, 'status' | 'body'>): string | undefined;
}

/** For a platform that alone can sign its requests: a request with a wrong secret, and how to send a valid one. */
export interface NoSmokeRequest extends Pick<SmokeRequest, 'body' | 'headers' | 'refusedWith'> {
  readonly instead: string;
}

/** An invented id that is recognizable as such. */
export interface InventedPerson {
  readonly uuid: string;
  readonly name: string;
}

export const json = { 'Content-Type': 'application/json', Accept: 'application/json' };
