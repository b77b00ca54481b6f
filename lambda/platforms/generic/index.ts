import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, isJson } from '../../domain/http.ts';
import type { ParsedRequest, Platform } from '../platform.ts';
import { authentication } from './authentication.ts';
import { type Callbacks, callbackTells, compileCallbacks } from './callbacks.ts';
import { readOrders, statusReference } from './orders.ts';
import { type Message, valueAtPlace } from './places.ts';
import { compilePull } from './pull.ts';
import { compileReplies, type Replies, repliesTell, wordOf } from './replies.ts';
import type { GenericSettings } from './schema.ts';
import { type ResolvedSettings, resolveSettings } from './schema.ts';
import { compileHeaders, outboundSecret, platformToken } from './secrets.ts';
import { placeOf, type TemplateVariables } from './template.ts';

const noCallbacks: Callbacks = { targetsOf: () => [], buildCallbacks: async () => [] };

/**
 * Creates a platform that settings describe. Templates are parsed here, once. Source: docs/platforms/generic.md, Standard
 * Webhooks 1.0, RFC 7617 and RFC 6901.
 */
export function generic(section: GenericSettings): Platform {
  const settings = resolveSettings(section);
  const { pull, callback, answers, each, callbackOrigins, projects } = settings;
  const { verify, checkSecret } = authentication(settings.proofs);
  const token = platformToken(section);
  const callbackHeaders = compileHeaders(callback?.headers, token);
  const pullHeaders = compileHeaders(pull?.headers, token);
  const callbacks = callback === undefined ? noCallbacks : compileCallbacks(callback, settings, callbackHeaders);
  const sent = [...callbackHeaders.secrets, ...pullHeaders.secrets];
  const replies = {
    toErasure: compileReplies(answers),
    toWithdrawal: compileReplies(settings.withdrawAnswers ?? answers),
    toStatus: compileReplies(settings.statusAnswers),
  };
  // A list is stored and acknowledged: its erasures would not all end within one reply.
  const isAcknowledged = each !== undefined || !repliesTell('in_progress', answers);
  return {
    ...(pull === undefined ? {} : { pull: compilePull(pull, settings, callbacks.targetsOf, pullHeaders) }),
    isPullOnly: settings.isPullOnly,
    responseMode: isAcknowledged ? 'acknowledgement' : 'result',
    callbackOrigins,
    projects,
    callbackOnlyOutcomes:
      callback?.when === 'always' ? ['erased', 'no-match', 'created-later', 'not-identifiable', 'refused'] : [],
    tells: (kind, hasCallbacks) => {
      const word = wordOf({ kind });
      // An order that was pulled has no reply.
      const isReplied = pull === undefined && !isAcknowledged && repliesTell(word, answers);
      return isReplied || (hasCallbacks && callback !== undefined && callbackTells(word, callback));
    },
    sendsAgain: () => replies.toErasure.describe('in_progress').status === 503,
    hasStatusRoute: settings.hasStatusRoute,
    hasWithdrawalRoute: settings.hasWithdrawalRoute,
    sweepNeedsSecret: callback?.sign !== undefined || sent.length > 0,
    checkSecret: text => {
      checkSecret(text);
      for (const name of sent) outboundSecret(text, name);
    },
    verify,
    parse: request =>
      request.method === 'POST' ? parseMessage(request, settings, callbacks, replies) : parseQuestion(request, replies),
    buildCallbacks: callbacks.buildCallbacks,
  };
}

/** Parses a message. Throws a {@link Failure} if nothing in it can be read. */
function parseMessage(
  request: HttpRequest,
  settings: ResolvedSettings,
  { targetsOf }: Callbacks,
  replies: Record<'toErasure' | 'toWithdrawal', Replies>,
): ParsedRequest {
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const { erase, withdraw, failures, isTest, hasIgnored, message } = readOrders(request, settings, targetsOf);
  const variables = messageVariables(message);
  if (erase.length + withdraw.length > 0) {
    const { toResults } = erase.length > 0 ? replies.toErasure : replies.toWithdrawal;
    const unreadable = failures.map(one => one.message);
    return { erase, withdraw, unreadable, hasIgnored, reply: results => toResults(results, variables) };
  }
  const [first] = failures;
  if (first !== undefined) throw first;
  const reply = () => replies.toErasure.toOther(isTest ? 'test' : 'ignored', variables);
  return { ...(isTest ? { test: true } : { ignore: 'rule' }), hasIgnored, reply };
}

/** Parses a request about an earlier erasure, which has no body. */
function parseQuestion(request: HttpRequest, replies: Record<'toStatus' | 'toWithdrawal', Replies>): ParsedRequest {
  const id = { scope: '', reference: statusReference(request) };
  const isStatus = request.method === 'GET';
  const { toResults } = isStatus ? replies.toStatus : replies.toWithdrawal;
  const reply: ParsedRequest['reply'] = results => toResults(results, () => undefined);
  return isStatus ? { status: id, reply } : { erase: [], withdraw: [id], reply };
}

function messageVariables(message: Message): TemplateVariables {
  return name => {
    if (name === 'base64Body') return Buffer.from(message.request.rawBody).toString('base64');
    const place = placeOf(name);
    // The name of a result's variable that is absent is no place.
    return place === undefined ? undefined : valueAtPlace(place, message);
  };
}
