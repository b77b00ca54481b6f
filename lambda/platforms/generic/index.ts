import type { ErasureResult, ParsedRequest, Platform } from '../platform.ts';
import { plainErrorReply } from '../platform.ts';
import { compileReplies, isAcknowledgement, isSameReply, type Replies } from './answers.ts';
import { authentication } from './authentication.ts';
import { compileCallbacks } from './callbacks.ts';
import { compileHeaders, platformToken } from './headers.ts';
import { type Message, valueAtPlace } from './places.ts';
import { compilePull } from './pull.ts';
import { type ParsedOrders, parseOrders, statusReference } from './request.ts';
import { resolveSettings } from './resolve.ts';
import { type OutcomeWord, wordOf } from './result.ts';
import type { GenericSettings } from './schema.ts';
import { outboundSecret } from './secrets.ts';
import { isMessageVariable, type TemplateVariables } from './template.ts';

/**
 * Creates a platform that settings describe. Templates are parsed here, once. Source: docs/platforms/generic.md, Standard
 * Webhooks 1.0, RFC 7617 and RFC 6901.
 */
export function generic(section: GenericSettings): Platform {
  const settings = resolveSettings(section);
  const token = platformToken(section);
  const callbacks = compileCallbacks(settings, token);
  const { verify, checkSecret } = authentication(settings.proofs);
  const [replies, statusReplies] = [compileReplies(section.answers), compileReplies(section.statusAnswers)];
  const withdrawReplies = compileReplies(section.withdrawAnswers ?? section.answers);
  const { pull, isPullOnly } = settings;
  const headers = compileHeaders(pull?.headers, token);
  const sent = [...callbacks.secrets, ...headers.secrets];
  return {
    ...(pull === undefined ? {} : { pull: compilePull(pull, settings, callbacks.targetsOf, headers, token?.drop) }),
    isPullOnly,
    // A list is stored and acknowledged: its erasures would not all end within one reply.
    responseMode: settings.each !== undefined || isAcknowledgement(section.answers) ? 'acknowledgement' : 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    ...(callbacks.isAlways
      ? { callbackOnlyOutcomes: ['erased', 'no-match', 'created-later', 'not-identifiable', 'refused'] }
      : {}),
    tells: (kind, hasCallbacks) =>
      // Nobody waits for the reply to an order that was pulled.
      (pull === undefined && tells(wordOf({ kind }), section.answers, settings.each !== undefined)) ||
      (hasCallbacks && callbacks.tells(wordOf({ kind }))),
    sendsAgain: () => replies.describe('in_progress').status >= 500,
    hasStatusRoute: settings.hasStatusRoute,
    hasWithdrawalRoute: settings.hasWithdrawalRoute,
    sweepNeedsSecret: callbacks.needsSecret || sent.length > 0,
    checkSecret: text => {
      checkSecret(text);
      for (const name of sent) outboundSecret(text, name);
    },
    verify,
    parse: request => {
      if (request.method === 'POST') {
        const orders = parseOrders(request, settings, callbacks.targetsOf);
        return withReply(orders, 'erase' in orders && orders.erase.length === 0 ? withdrawReplies : replies);
      }
      const id = { scope: '', reference: statusReference(request) };
      const replyBy = (used: Replies) => (results: readonly ErasureResult[]) =>
        used.toResults(results, () => undefined);
      if (request.method === 'GET') return { status: id, reply: replyBy(statusReplies) };
      return { erase: [], withdraw: [id], reply: replyBy(withdrawReplies) };
    },
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: callbacks.build,
  };
}

/** Returns whether a reply tells this outcome, so that the platform does not take it for an erasure. */
function tells(word: OutcomeWord, answers: GenericSettings['answers'], isList: boolean): boolean {
  return !isList && !isAcknowledgement(answers) && !isSameReply(answers, word, 'erased');
}

function withReply({ message, hasIgnored, ...orders }: ParsedOrders, replies: Replies): ParsedRequest {
  const variables = messageVariables(message);
  const ignored = hasIgnored ? { hasIgnored } : {};
  if ('test' in orders) return { ...orders, ...ignored, reply: () => replies.toOther('test', variables) };
  if ('ignore' in orders) return { ...orders, ...ignored, reply: () => replies.toOther('ignored', variables) };
  return { ...orders, ...ignored, reply: results => replies.toResults(results, variables) };
}

function messageVariables(message: Message): TemplateVariables {
  return name => {
    if (name === 'base64Body') return Buffer.from(message.request.rawBody).toString('base64');
    // The name of a result's variable that is absent is no place.
    return isMessageVariable(name) ? valueAtPlace(name, message) : undefined;
  };
}
