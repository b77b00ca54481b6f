import { type Platform, plainRefusal } from '../platform.ts';
import { sombraHeaders, transcendSecret, verify } from './proof.ts';
import { answer, notify } from './reply.ts';
import { read, type TranscendSettings } from './request.ts';
import { signingKey } from './signing-key.ts';

/**
 * Transcend as settings describe it. Source: docs.transcend.io, API reference ("New privacy request job", "PUT
 * /v1/data-silo", "GET /public-keys/sombra-general-signing-key") and "Receiving a webhook from Transcend".
 */
export function transcend(settings: TranscendSettings): Platform {
  const key = signingKey(settings);
  return {
    waits: 'result',
    callbackOrigins: [settings.sombraUrl],
    projects: settings.projects,
    // Its answer says "nobody" or "taken" and has no word for more.
    toldByCallback: ['erased', 'not-identifiable', 'refused'],
    notifiesWithSecret: true,
    checkSecret: transcendSecret,
    verify: (request, means) => verify(request, means, settings, key),
    read: request => read(request, settings),
    answer: (_, reading, answered) => answer(reading, answered),
    refuse: (_, failure) => plainRefusal(failure),
    notify: async (told, { secret }) => notify(told, sombraHeaders(await secret())),
  };
}
