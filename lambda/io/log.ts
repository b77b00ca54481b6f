import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { basename } from 'node:path';
import type { Alarm, Failure, FailureCode } from '../domain/failure.ts';
import { embeddedMetrics } from './metrics.ts';

/**
 * Every field that a log line may have. It is an allow-list of this service's codes, counts and pseudonyms: never an event,
 * a body, a header, an identifier, a URL or another service's text.
 */
export interface LogLine {
  /** `closed` is the attempt that closed a receipt: one line per receipt, even if several workers attempted it. */
  readonly event:
    | 'accepted'
    | 'attempt'
    | 'withdrawal'
    | 'closed'
    | 'rejected'
    | 'ignored'
    | 'callback'
    | 'verification'
    | 'pull'
    | 'sweep'
    | 'customer-event'
    | 'alarm'
    | 'aws'
    | 'deployment-check';
  readonly platform?: string;
  /** The receipt's id: an HMAC. */
  readonly receipt?: string;
  readonly project?: string;
  readonly outcome?: string;
  readonly code?: FailureCode | (string & {});
  readonly alarm?: Alarm;
  /** The field or rule by which an authenticated request was rejected: a text of this service. */
  readonly rule?: string;
  readonly status?: number;
  readonly claimed?: number;
  readonly closed?: number;
  readonly unclaimed?: number;
  readonly delivered?: number;
  readonly failed?: number;
  /** The AWS call that failed. */
  readonly call?: string;
  /** Age of the cached secret that was used instead. */
  readonly staleMs?: number;
  readonly needsReview?: number;
  readonly oldestOpenMs?: number;
  /** The largest share of the time until its due date that an open receipt has used, in percent. */
  readonly deadlineUsedPercent?: number;
  /** Scopes that are paused. */
  readonly paused?: number;
  /** Closed receipts that were signed, and that have been unsigned for too long. */
  readonly signed?: number;
  readonly unsigned?: number;
  /** File and line in this service's code. */
  readonly origin?: string;
  readonly secret?: string;
}

export type Log = (line: LogLine) => void;

/**
 * Returns a log that writes one JSON object per line, with the time of the given clock. With a namespace, lines that count
 * something include their CloudWatch metrics.
 */
export function jsonLog(write: (line: string) => void, now: () => number, namespace?: string): Log {
  return line => {
    const at = now();
    const metrics = namespace === undefined ? {} : embeddedMetrics(line, namespace, at);
    write(`${JSON.stringify({ time: new Date(at).toISOString(), ...line, ...metrics })}\n`);
  };
}

/** Returns what may be logged about a failure: never its message. */
export function failureFields({ code, alarm, origin }: Failure): Pick<LogLine, 'code' | 'alarm' | 'origin'> {
  return {
    code,
    ...(alarm === undefined ? {} : { alarm }),
    ...(origin === undefined ? {} : { origin: sourcePosition(origin) }),
  };
}

/** A position in the bundle that contains this module: its name, line and column. */
const inBundle = /^(\S+):(\d+):(\d+)$/;

/**
 * Returns the position in the source code for a position in a bundle such as `index.mjs:1:4711`. The bundle's source map is
 * read only here: Node's own `--enable-source-maps` parses it at each cold start. Returns other positions unchanged.
 */
export function sourcePosition(position: string, bundle = import.meta.url): string {
  const [, name, line, column] = inBundle.exec(position) ?? [];
  if (name !== basename(bundle)) return position;
  try {
    const text = readFileSync(new URL(`${bundle}.map`), 'utf8');
    // esbuild wrote it with the bundle; anything else ends in the catch.
    const map = new SourceMap(JSON.parse(text) as SourceMapPayload);
    const found = map.findOrigin(Number(line), Number(column));
    return 'fileName' in found ? `${basename(found.fileName)}:${found.lineNumber}:${found.columnNumber}` : position;
  } catch {
    return position;
  }
}
