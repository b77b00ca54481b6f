import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, isJson } from '../../domain/http.ts';
import { type ParsedRequest, type Platform, plainErrorReply } from '../platform.ts';
import { authentication } from './authentication.ts';
import { compileHeaders, platformToken } from './call-headers.ts';
import { type Callbacks, callbackTells, compileCallbacks } from './callbacks.ts';
import { readOrders, statusReference } from './orders.ts';
import { wordOf } from './outcomes.ts';
import { type Message, valueAtPlace } from './places.ts';
import { compilePull } from './pull.ts';
import { compileReplies, type Replies, repliesTell } from './replies.ts';
import { type ResolvedSettings, resolveSettings } from './resolve.ts';
import type { GenericSettings } from './schema.ts';
import { outboundSecret } from './secrets.ts';
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
      // Nobody waits for the reply to an order that was pulled.
      const isReplied = pull === undefined && !isAcknowledged && repliesTell(word, answers);
      return isReplied || (hasCallbacks && callback !== undefined && callbackTells(word, callback));
    },
    sendsAgain: () => compileReplies(answers).describe('in_progress').status >= 500,
    hasStatusRoute: settings.hasStatusRoute,
    hasWithdrawalRoute: settings.hasWithdrawalRoute,
    sweepNeedsSecret: callback?.sign !== undefined || sent.length > 0,
    checkSecret: text => {
      checkSecret(text);
      for (const name of sent) outboundSecret(text, name);
    },
    verify,
    parse: parser(settings, callbacks),
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: callbacks.buildCallbacks,
  };
}

/** Returns what parses a request, with the replies parsed. */
function parser(settings: ResolvedSettings, callbacks: Callbacks): Platform['parse'] {
  const { answers, statusAnswers, withdrawAnswers = answers } = settings;
  const erasureReplies = compileReplies(answers);
  const withdrawalReplies = compileReplies(withdrawAnswers);
  const statusReplies = compileReplies(statusAnswers);
  const replyBy =
    ({ toResults }: Replies, variables: TemplateVariables = () => undefined): ParsedRequest['reply'] =>
    results =>
      toResults(results, variables);
  return request => {
    if (request.method === 'POST') {
      const { erase, withdraw, unreadable, hasIgnored, message, isTest } = readMessage(request, settings, callbacks);
      const variables = messageVariables(message);
      if (erase.length > 0)
        return { erase, withdraw, unreadable, hasIgnored, reply: replyBy(erasureReplies, variables) };
      if (withdraw.length > 0)
        return { erase, withdraw, unreadable, hasIgnored, reply: replyBy(withdrawalReplies, variables) };
      if (isTest) return { test: true, hasIgnored, reply: () => erasureReplies.toOther('test', variables) };
      return { ignore: 'rule', hasIgnored, reply: () => erasureReplies.toOther('ignored', variables) };
    }
    const id = { scope: '', reference: statusReference(request) };
    if (request.method === 'GET') return { status: id, reply: replyBy(statusReplies) };
    return { erase: [], withdraw: [id], reply: replyBy(withdrawalReplies) };
  };
}

/** Throws a {@link Failure} if nothing in the message can be read. */
function readMessage(request: HttpRequest, settings: ResolvedSettings, { targetsOf }: Callbacks) {
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const { failures, ...orders } = readOrders(request, settings, targetsOf);
  const [first] = failures;
  if (first !== undefined && orders.erase.length + orders.withdraw.length === 0) throw first;
  return { ...orders, unreadable: failures.map(({ message }) => message) };
}

function messageVariables(message: Message): TemplateVariables {
  return name => {
    if (name === 'base64Body') return Buffer.from(message.request.rawBody).toString('base64');
    const place = placeOf(name);
    // The name of a result's variable that is absent is no place.
    return place === undefined ? undefined : valueAtPlace(place, message);
  };
}
