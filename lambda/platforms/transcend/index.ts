import { type Platform, plainErrorReply } from '../platform.ts';
import { sombraHeaders, transcendSecret, verifyTranscend } from './proof.ts';
import { transcendCallbacks, transcendReply } from './reply.ts';
import { parseTranscendRequest, type TranscendSettings } from './request.ts';
import { signingKey } from './signing-key.ts';

/**
 * Transcend as settings describe it. Source: docs.transcend.io, API reference ("New privacy request job", "PUT
 * /v1/data-silo", "GET /public-keys/sombra-general-signing-key") and "Receiving a webhook from Transcend".
 */
export function transcend(settings: TranscendSettings): Platform {
  const key = signingKey(settings);
  return {
    responseMode: 'result',
    callbackOrigins: [settings.sombraUrl],
    projects: settings.projects,
    // Its answer says "nobody" or "taken" and has no word for more.
    callbackOnlyOutcomes: ['erased', 'not-identifiable', 'refused'],
    callbacksNeedSecret: true,
    checkSecret: transcendSecret,
    verify: (request, means) => verifyTranscend(request, means, settings, key),
    parse: request => parseTranscendRequest(request, settings),
    reply: (_, reading, answered) => transcendReply(reading, answered),
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: async (told, { secret }) => transcendCallbacks(told, sombraHeaders(await secret())),
  };
}
