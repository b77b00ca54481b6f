import type { Answer, Wire } from '../support/event.ts';
import type { Harness, HarnessOptions } from '../support/harness.ts';

/** What the suite must know of a platform. */
export interface PlatformCase {
  /** Its section of the settings. Its identities must reach `source_id`. */
  readonly section: Readonly<Record<string, unknown>>;
  /** Returns the text of its secret with these values, which may be of any type. */
  readonly secretText: (current: unknown, previous?: unknown) => string;
  readonly secrets: { readonly current: string; readonly previous: string; readonly wrong: string };
  /** Texts that are unusable as the secret of this platform only, by reason. */
  readonly unusableSecrets?: Readonly<Record<string, string>>;
  /** Returns a genuine message without its credentials. The same `id`, a small number, is the same request. */
  readonly message: (fields: MessageFields) => Wire;
  /** Adds the credentials to any body. `at` is the time in epoch milliseconds. */
  readonly sign: (wire: Wire, secret: string, at: number) => Wire | Promise<Wire>;
  /** Names of the headers that carry the credentials. */
  readonly headers: readonly string[];
  /** Whether the credentials cover the body. */
  readonly coversBody: boolean;
  /** The status of the reply to wrong credentials. */
  readonly refusedWith: 401 | 403;
  /** Asserts that an error reply has the platform's own form. */
  readonly expectRefusal: (answer: Answer, status: number) => void;
  /** Asserts that the reply to a repeated request is the same; byte for byte if absent. */
  readonly expectSame?: (first: Answer, again: Answer) => void;
  /** Whether the identities are part of the request's id. */
  readonly idHoldsIdentities?: boolean;
  /** Whether the content type is ignored. */
  readonly anyContentType?: boolean;
  /** Genuine messages without an erasure (another request, a test), unsigned, and their status. */
  readonly others?: readonly { readonly what: string; readonly wire: Wire; readonly status: number }[];
}

/** What a message is about. */
interface MessageFields {
  readonly id: number;
  readonly sourceId: string;
  /** Unknown fields for the outermost object. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A platform's case, and what the suite builds from it. */
export interface Suite extends PlatformCase {
  readonly name: string;
  readonly harness: (options?: Partial<HarnessOptions>) => Harness;
  /** Returns a genuine message, signed at the harness's time. */
  readonly genuine: (harness: Harness, fields?: Partial<MessageFields>, secret?: string) => Promise<Wire>;
}
