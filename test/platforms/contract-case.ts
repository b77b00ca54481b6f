import type { Answer, Wire } from '../support/event.ts';
import type { Harness, HarnessOptions } from '../support/harness.ts';

/** What a platform is, as far as the suite that all of them pass must know. */
export interface PlatformCase {
  /** Its section of the settings. Its identities must reach `source_id`. */
  readonly section: Readonly<Record<string, unknown>>;
  /** The last part of its path, if that is not its name. */
  readonly path?: string;
  /** The text of its secret with these values, which may be anything at all. */
  readonly secretText: (current: unknown, previous?: unknown) => string;
  readonly secrets: { readonly current: string; readonly previous: string; readonly stranger: string };
  /** A genuine message without its credentials. `id` is a small number: the same one is the same request. */
  readonly message: (asked: Asked) => Wire;
  /** Adds the credentials, whatever the body may be. `at` is the time in epoch milliseconds. */
  readonly sign: (wire: Wire, secret: string, at: number) => Wire | Promise<Wire>;
  /** Names of the headers that carry the credentials. */
  readonly headers: readonly string[];
  /** Whether the credentials cover the body. */
  readonly coversBody: boolean;
  /** The status that bad credentials get. */
  readonly refusedWith: 401 | 403;
  /** Asserts that a refusal has the platform's own form; `status` was asserted already. */
  readonly expectRefusal: (answer: Answer, status: number) => void;
  /** How alike the answers to one request are, sent again; byte for byte when left out. */
  readonly expectSame?: (first: Answer, again: Answer) => void;
  /** Whether one request id can come with other identities at all: where they are part of the id it cannot. */
  readonly idHoldsIdentities?: boolean;
  /** Whether any content type will do. */
  readonly anyContentType?: boolean;
  /** Genuine messages that ask for nothing of ours (not an erasure, a trial), unsigned, and their status. */
  readonly others?: readonly { readonly what: string; readonly wire: Wire; readonly status: number }[];
}

interface Asked {
  readonly id: number;
  readonly sourceId: string;
  /** Fields that no contract knows, for the outermost object. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The seeded person that is asked for. */
export const ada = { sourceId: 'crm-10042', customerId: 'cust_AdaExample00000000000001' };
export const cleo = { sourceId: 'crm-10043', customerId: 'cust_CleoExample0000000000003' };

export interface Suite extends PlatformCase {
  readonly name: string;
  readonly harness: (options?: Partial<HarnessOptions>) => Harness;
  /** A genuine message of the moment. */
  readonly genuine: (harness: Harness, asked?: Partial<Asked>, secret?: string) => Promise<Wire>;
}
