import type { VersionedStore } from '../../../lambda/control/versioned-store.ts';
import type { HttpCall, HttpResult } from '../../../lambda/io/http-client.ts';
import type { Log } from '../../../lambda/io/log.ts';
import type { Signer } from '../../../lambda/receipts/signer.ts';
import type { ReceiptStore } from '../../../lambda/receipts/store.ts';
import type { Settings } from '../../../lambda/settings.ts';
import type { Fates } from './faults.ts';
import type { Travel } from './life.ts';
import type { Random } from './random.ts';

/** What answers a call that arrives, or why nothing will come back. */
export type Served = Extract<HttpResult, { kind: 'answer' }> | 'cut' | 'silent';

export interface Stores {
  readonly store: ReceiptStore;
  readonly control: VersionedStore;
}

/** What machines share: everything behind their adapters. */
export interface Outside {
  readonly settings: Settings;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** How far a machine's clock may be off, in milliseconds. */
  readonly skewMs: number;
  readonly travel: Travel;
  /** Settles when an invocation that may take so long has run out of time. */
  readonly timeout: (ms: number) => Promise<void>;
  readonly fates: Fates;
  readonly random: Random;
  /** The stores, as the next machine that starts sees them. */
  readonly stores: () => Stores;
  /** Texts by design name, as they stand at the moment. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Voucherify: told when a call goes out, and asked when it arrives. */
  readonly voucherify: { sent(call: HttpCall): void; arrives(call: HttpCall): Served };
  /** The platform's callback address. */
  readonly callbacks: { arrives(call: HttpCall): Served };
  /** Keeps the key that evidence is signed with. */
  readonly signer: Signer;
  readonly log: Log;
}
