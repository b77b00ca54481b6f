import { type Platform, plainErrorReply } from '../platform.ts';
import { callbackKeys, checkGenericSecret, verifyGeneric } from './proof.ts';
import { genericCallbacks, genericReply } from './reply.ts';
import { parseGenericRequest } from './request.ts';
import type { GenericSettings } from './settings.ts';

/**
 * A sender that settings describe: how it proves itself and where its body holds what. Source: our own contract
 * (docs/platforms/generic.md), Standard Webhooks 1.0, RFC 7617 and RFC 6901.
 */
export function generic(settings: GenericSettings): Platform {
  return {
    responseMode: 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    hasStatusRoute: true,
    callbacksNeedSecret: true,
    checkSecret: text => checkGenericSecret(text, settings),
    verify: (request, means) => verifyGeneric(request, means, settings),
    parse: request => parseGenericRequest(request, settings),
    reply: (request, reading, answered) => genericReply(request, reading, answered, settings),
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: async (told, { secret, now }) =>
      genericCallbacks(told, callbackKeys(await secret(), settings), now()),
  };
}
