import { type Platform, plainRefusal } from '../platform.ts';
import { callbackKeys, checkSecret, verify } from './proof.ts';
import { answer, notify } from './reply.ts';
import { read } from './request.ts';
import type { GenericSettings } from './settings.ts';

/**
 * A sender that settings describe: how it proves itself and where its body holds what. Source: our own contract
 * (docs/platforms/generic.md), Standard Webhooks 1.0, RFC 7617 and RFC 6901.
 */
export function generic(settings: GenericSettings): Platform {
  return {
    waits: 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    tellsStatus: true,
    notifiesWithSecret: true,
    checkSecret: text => checkSecret(text, settings),
    verify: (request, means) => verify(request, means, settings),
    read: request => read(request, settings),
    answer: (request, reading, answered) => answer(request, reading, answered, settings),
    refuse: (_, failure) => plainRefusal(failure),
    notify: async (told, { secret, now }) => notify(told, callbackKeys(await secret(), settings), now()),
  };
}
