import { matchedSecret, parseSharedSecret } from '../../authenticity/shared-secret.ts';
import { Failure } from '../../failure.ts';
import { type HttpRequest, type Means, type Platform, type Proof, singleHeader } from '../platform.ts';
import { answer, notify, refuse } from './reply.ts';
import { type KetchSettings, metadataOf, metadataOrUndefined, read } from './request.ts';

/**
 * Ketch as settings describe it. Source: ketch-com/ketch-forwarder, api/dsr/v1 (README, Delete, Status) and
 * api/runtime/v1 (Error, Metadata).
 */
export function ketch(settings: KetchSettings): Platform {
  return {
    waits: 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    checkSecret: parseSharedSecret,
    verify: (request, means) => verify(request, means, settings.header),
    read: request => read(request, settings),
    answer: (request, _, answered) => answer(metadataOf(request), answered),
    notify: async told => notify(told),
    refuse: (request, failure) =>
      refuse(failure, failure.verified ? metadataOrUndefined(request, settings) : undefined),
  };
}

/** One configured header with one exact value is all the proof that Ketch offers. */
async function verify(request: HttpRequest, { secret }: Means, header: string): Promise<Proof> {
  const expected = parseSharedSecret(await secret());
  const matched = matchedSecret(singleHeader(request, header) ?? '', expected);
  if (matched === undefined) throw new Failure('forbidden', 'the shared secret does not match');
  return { scheme: 'shared-secret', secret: matched };
}
