import type { Alarm } from '../../../lambda/domain/failure.ts';
import type { LogLine } from '../../../lambda/io/log.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Adapters } from '../../../lambda/services.ts';

/** A receipt as it was last written in this run, and when each of its revisions was first seen. */
export interface SeenReceipt {
  readonly receipt: Receipt;
  /** When its pins were first seen, in epoch milliseconds: a receipt does not contain this time. */
  readonly pinnedAt?: number;
  readonly signedAt?: number;
  readonly calledBackAt?: number;
}

/** An alarm code of the log: how often, and when for the last time, in epoch milliseconds. */
interface RaisedAlarm {
  readonly code: Alarm;
  readonly count: number;
  readonly lastAt: number;
}

/** What happened in this run: the written receipts and the alarms of the log. It sees no identifiers. */
export interface Journal {
  /** Returns the same adapters, with a store and a log that also inform the journal. */
  observe(adapters: Adapters): Adapters;
  /** The latest receipts, in no order. */
  receipts(): readonly SeenReceipt[];
  alarms(): readonly RaisedAlarm[];
  /** Forgets the alarms. */
  clearAlarms(): void;
  /** Calls `listener` after each change; `accepted` is set if it is a new receipt. Returns a function that ends this. */
  subscribe(listener: (accepted?: Receipt) => void): () => void;
}

/** How many receipts are kept. */
const maxReceipts = 100;

/** Creates an empty journal. */
export function createJournal(): Journal {
  const seen = new Map<string, SeenReceipt>();
  const raised = new Map<Alarm, RaisedAlarm>();
  const listeners = new Set<(accepted?: Receipt) => void>();
  const tell = (accepted?: Receipt) => {
    for (const listener of listeners) listener(accepted);
  };
  const written = (receipt: Receipt, now: number, accepted?: Receipt) => {
    seen.set(receipt.id, seenAt(seen.get(receipt.id), receipt, now));
    const [oldest] = seen.keys();
    if (seen.size > maxReceipts && oldest !== undefined) seen.delete(oldest);
    tell(accepted);
  };
  const logged = ({ alarm: code }: LogLine, lastAt: number) => {
    if (code === undefined) return;
    raised.set(code, { code, count: (raised.get(code)?.count ?? 0) + 1, lastAt });
    tell();
  };
  return {
    observe: adapters => observed(adapters, written, logged),
    receipts: () => [...seen.values()],
    alarms: () => [...raised.values()],
    clearAlarms: () => {
      raised.clear();
      tell();
    },
    subscribe: listener => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function observed(
  adapters: Adapters,
  written: (receipt: Receipt, now: number, accepted?: Receipt) => void,
  logged: (line: LogLine, now: number) => void,
): Adapters {
  const { store, log, now } = adapters;
  return {
    ...adapters,
    store: {
      ...store,
      accept: async (receipt, ...personalData) => {
        const result = await store.accept(receipt, ...personalData);
        if (result.stored) written(result.receipt, now(), result.receipt);
        return result;
      },
      replace: async (next, also) => {
        const replaced = await store.replace(next, also);
        if (replaced) written(next, now());
        return replaced;
      },
    },
    log: line => {
      log(line);
      logged(line, now());
    },
  };
}

function seenAt(before: SeenReceipt | undefined, receipt: Receipt, now: number): SeenReceipt {
  const first = (key: 'pinnedAt' | 'signedAt' | 'calledBackAt', isDone: boolean) => {
    const at = before?.[key] ?? (isDone ? now : undefined);
    return at === undefined ? {} : { [key]: at };
  };
  return {
    receipt,
    ...first(
      'pinnedAt',
      Object.values(receipt.projects).some(({ pins }) => pins > 0),
    ),
    ...first('calledBackAt', receipt.callbackState?.endedAt !== undefined),
    ...first('signedAt', receipt.evidence !== undefined),
  };
}
