import { matchSecret, parseSharedSecret } from '../../authenticity/shared-secret.ts';
import { Failure } from '../../failure.ts';
import { type Authentication, type HttpRequest, type Platform, singleHeader, type VerifyContext } from '../platform.ts';
import { ketchCallbacks, ketchErrorReply, ketchReply } from './reply.ts';
import { type KetchSettings, metadataOf, metadataOrUndefined, parseKetchRequest } from './request.ts';

/**
 * Ketch as settings describe it. Source: ketch-com/ketch-forwarder, api/dsr/v1 (README, Delete, Status) and
 * api/runtime/v1 (Error, Metadata).
 */
export function ketch(settings: KetchSettings): Platform {
  return {
    responseMode: 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    checkSecret: parseSharedSecret,
    verify: (request, means) => verify(request, means, settings.header),
    parse: request => parseKetchRequest(request, settings),
    reply: (request, _, answered) => ketchReply(metadataOf(request), answered),
    buildCallbacks: async told => ketchCallbacks(told),
    errorReply: (request, failure) =>
      ketchErrorReply(failure, failure.verified ? metadataOrUndefined(request, settings) : undefined),
  };
}

/** One configured header with one exact value is all the proof that Ketch offers. */
async function verify(request: HttpRequest, { secret }: VerifyContext, header: string): Promise<Authentication> {
  const expected = parseSharedSecret(await secret());
  const matched = matchSecret(singleHeader(request, header) ?? '', expected);
  if (matched === undefined) throw new Failure('forbidden', 'the shared secret does not match');
  return { scheme: 'shared-secret', secret: matched };
}
