import { type Accepted, type Asked, accept } from './accept.ts';
import { type Attempted, admit, attempt, waysOf } from './attempt.ts';
import { Failure, failureOf } from './failure.ts';
import { mayProceed } from './intake.ts';
import { type LogLine, logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import {
  type Answered,
  type HttpReply,
  type HttpRequest,
  type Platform,
  plainRefusal,
  type Reading,
} from './platforms/platform.ts';
import { advance } from './receipts/advance.ts';
import { answeredOpen, outcomeOf } from './receipts/answering.ts';
import { isFinal } from './receipts/receipt.ts';
import { lookUpCalls } from './voucherify/find-customers.ts';

/** Kept free at the end of the answer budget for writing the result down: an eighth of it. */
const writingShare = 1 / 8;

/**
 * The request line: platform, verify, read, accept, attempt, answer. Throws a `Failure`; nothing is looked up or
 * written before the caller is proved genuine, and nothing is answered with 2xx before a receipt is stored.
 */
export async function receive(request: HttpRequest, parts: Parts): Promise<HttpReply> {
  const receivedAt = parts.now();
  const { name, platform } = platformOf(request, parts.platforms);
  const secret = () => parts.readSecret(`erasure/platform/${name}`);
  const proof = await platform.verify(request, { secret, now: parts.now, send: parts.send });
  try {
    const reading = platform.read(request, proof);
    const caller = { name, platform, proof, receivedAt };
    return platform.answer(request, reading, await answeredFor(reading, caller, parts));
  } catch (error) {
    throw failureOf(error).afterVerification();
  }
}

/** A refusal in the form of the platform that the path names, else in our own plain one; logged. Never throws. */
export function refuse(request: HttpRequest, failure: Failure, parts: Parts): HttpReply {
  const platform = parts.platforms.get(platformName(request));
  const named = platform === undefined ? {} : { platform: platformName(request) };
  parts.log({ event: 'refused', ...named, ...logged(failure), ...turnedAway(failure), status: failure.status });
  return platform?.refuse(request, failure) ?? plainRefusal(failure);
}

/**
 * The alarm for a genuine request that is turned away for good: nobody would hear of it otherwise. The rule is the
 * failure's message, which never holds a value from outside. What is answered 5xx comes again, but 501.
 */
function turnedAway({ status, code, verified, alarm, message }: Failure): Pick<LogLine, 'alarm' | 'rule'> {
  const isFinal = status < 500 || code === 'unimplemented';
  if (!isFinal || (alarm === undefined && !verified)) return {};
  return { alarm: alarm ?? 'request-refused', rule: message };
}

/** A platform, or a platform and the reference of an earlier request; nothing else is reachable. */
const route = /\/webhooks\/([a-z][a-z0-9-]{0,39})(\/[^/]+)?$/;

/** Throws `not-found` for what is not a platform of ours, and `method-not-allowed` for another method than its route's. */
function platformOf(request: HttpRequest, platforms: Parts['platforms']): { name: string; platform: Platform } {
  const name = platformName(request);
  const platform = platforms.get(name);
  const asksStatus = route.exec(request.path)?.[2] !== undefined;
  if (platform === undefined || (asksStatus && platform.tellsStatus === undefined)) {
    throw new Failure('not-found', 'path: no such platform');
  }
  const served = asksStatus ? 'GET' : 'POST';
  if (request.method === served) return { name, platform };
  throw new Failure('method-not-allowed', `method: only ${served} is served here`, { headers: { Allow: served } });
}

/** The platform that a path names; empty when it names none. */
function platformName({ path }: HttpRequest): string {
  return route.exec(path)?.[1] ?? '';
}

type Caller = Omit<Asked, 'erasure'>;

/** Erasures of one request that are stored at once: an array of a few hundred must not flood the store. */
const atOnce = 25;

/** Gives an answer only when every erasure that was read is stored; what was stored before a failure is the sweep's. */
async function answeredFor(reading: Reading, caller: Caller, parts: Parts): Promise<readonly Answered[]> {
  if ('status' in reading) return standingOf(reading.status, caller, parts);
  if (!('erase' in reading)) return [];
  const answered: Answered[] = [];
  for (let first = 0; first < reading.erase.length; first += atOnce) {
    const some = reading.erase.slice(first, first + atOnce);
    answered.push(...(await Promise.all(some.map(erasure => eraseNow({ ...caller, erasure }, parts)))));
  }
  return answered;
}

/** Throws `not-found` for a request that this platform never made. */
async function standingOf(asked: StatusAsked, { name }: Caller, parts: Parts): Promise<readonly Answered[]> {
  const macs = await parts.macs();
  const receipt = await parts.store.read(macs.receipt(name, asked.scope, asked.reference));
  if (receipt === undefined) throw new Failure('not-found', 'path: no such request');
  const outcome = outcomeOf(receipt, parts.now());
  return [{ reference: asked.reference, receiptId: receipt.id, outcome, callbackFollows: receipt.hasCallbacks }];
}

type StatusAsked = Extract<Reading, { status: unknown }>['status'];

/** An unfinished erasure is marked before the platform is told so: from then on it is owed a callback. */
async function eraseNow(asked: Asked, parts: Parts): Promise<Answered> {
  const accepted = await accept(asked, parts);
  const { receipt, outcome } = await attemptOnce(accepted, asked, parts);
  const answered = { reference: asked.erasure.reference, receiptId: receipt.id, callbackFollows: receipt.hasCallbacks };
  if (isFinal(receipt.state) || !receipt.hasCallbacks) return { ...answered, outcome };
  const marked = await advance(parts.store, receipt, answeredOpen);
  return { ...answered, outcome: outcomeOf(marked.receipt, parts.now()) };
}

/** Only a receipt that was stored just now is attempted here; what stood before is the sweep's. */
async function attemptOnce(accepted: Accepted, asked: Asked, parts: Parts): Promise<Attempted> {
  const { receipt, kept, stored, attempts, pauses } = accepted;
  const standing = { receipt, outcome: outcomeOf(receipt, parts.now()) };
  if (!stored) return standing;
  const until = asked.receivedAt + parts.settings.limits.answerBudgetMs * (1 - writingShare);
  const wayTo = waysOf(receipt, true, parts);
  const work = {
    receipt,
    kept: { ...kept, pins: {}, lookUps: {} },
    until,
    wayTo,
    answersNow: true,
    toldByCallback: asked.platform.toldByCallback ?? [],
  };
  // What the first answer waits for is written at once: a place for the look-ups, and one more in this hour's count.
  // Nobody who is held takes a place from the others.
  const free = attempts && pauses?.paused.size === 0;
  const admitted = free
    ? admit(receipt, wayTo, () => ({ calls: lookUpCalls(kept.identifiers) + 1 }), until)
    : Promise.resolve();
  const proceeds = await mayProceed(receipt, pauses, parts);
  await admitted;
  return attempts && proceeds ? attempt(work, parts) : standing;
}
