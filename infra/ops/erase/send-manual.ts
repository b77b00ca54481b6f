import { InvokeCommand, LambdaClient, LambdaServiceException } from '@aws-sdk/client-lambda';
import * as v from 'valibot';
import { awsClientOptions, callDeadline, errorNameOf, patientTimeouts } from '../../../lambda/aws/clients.ts';
import { Failure } from '../../../lambda/domain/failure.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import type { ManualEvent, ManualReply } from '../../../lambda/request/receive-manual.ts';
import { manualRoutePath } from '../../local/index.ts';
import { liveAlias, type Names } from '../../stack/names.ts';

/**
 * Sends requests by hand, and returns the reply. Throws {@link Failure}: `unavailable` if there is no reply, so that it is
 * not known whether they were accepted.
 */
export type SendManual = (manual: ManualEvent['manual']) => Promise<Exclude<ManualReply, { failure: unknown }>>;

const preview = v.variant('kind', [
  v.object({ kind: v.literal('found'), customers: v.number() }),
  v.object({ kind: v.picklist(['no-match', 'created-later']) }),
  v.object({ kind: v.picklist(['unclear', 'later']), code: v.string() }),
]);
const reply = v.union([
  v.object({ previews: v.array(v.object({ reference: v.string(), projects: v.record(v.string(), preview) })) }),
  v.object({
    results: v.array(
      v.object({
        reference: v.string(),
        receipt: v.string(),
        outcome: v.picklist([
          ...(['erased', 'no-match', 'not-identifiable', 'created-later', 'refused'] as const),
          ...(['in-progress', 'needs-review'] as const),
        ]),
      }),
    ),
  }),
  v.object({ failure: v.object({ code: v.string(), message: v.string() }) }),
]);

/** Returns a sender that invokes the deployed function, with the operator's credentials (`lambda:InvokeFunction`). */
export function invokeWebhook({ prefix }: Pick<Names, 'prefix'>): SendManual {
  return async manual => {
    const client = new LambdaClient(awsClientOptions(patientTimeouts));
    const input = { FunctionName: `${prefix}-webhook`, Qualifier: liveAlias, Payload: JSON.stringify({ manual }) };
    try {
      const { FunctionError, Payload } = await client.send(
        new InvokeCommand(input),
        callDeadline(patientTimeouts.callMs),
      );
      if (FunctionError !== undefined) throw noReply(`${prefix}-webhook: ${FunctionError}`);
      return readReply(Buffer.from(Payload ?? []).toString());
    } catch (error) {
      throw error instanceof Failure ? error : invocationFailure(`${prefix}-webhook`, error);
    } finally {
      client.destroy();
    }
  };
}

/** After a 403 or a 404 of Lambda it is known that nothing was accepted. */
function invocationFailure(name: string, error: unknown): Failure {
  const status = error instanceof LambdaServiceException ? error.$metadata.httpStatusCode : undefined;
  const message = `${name} cannot be invoked (${errorNameOf(error)})`;
  if (status === 403) return new Failure('forbidden', `${message}: attach ManualErasurePolicy to your role`);
  return status === 404 ? new Failure('not-found', `${message}: check --stage and the region`) : noReply(message);
}

/** Returns a sender to a local run at this address. */
export function sendToLocalRun(url: string): SendManual {
  return async manual => {
    const headers = { 'Content-Type': 'application/json', Origin: url };
    const body = JSON.stringify({ manual });
    const signal = AbortSignal.timeout(patientTimeouts.callMs);
    const text = await fetch(`${url}${manualRoutePath}`, { method: 'POST', headers, body, signal }).then(
      response => response.text(),
      () => {
        throw noReply('npm start does not answer');
      },
    );
    return readReply(text);
  };
}

function noReply(why: string): Failure {
  return new Failure('unavailable', why);
}

/** Throws the failure that the function replied, or `unimplemented` for the reply of an older version. */
function readReply(text: string): Awaited<ReturnType<SendManual>> {
  const parsed = v.safeParse(reply, parseJson(text)?.value);
  if (!parsed.success)
    throw new Failure('unimplemented', 'the deployed version takes no requests by hand: deploy this one first');
  if (!('failure' in parsed.output)) return parsed.output;
  const { code, message } = parsed.output.failure;
  throw new Failure(code === 'unavailable' ? 'unavailable' : 'invalid', `refused: ${message}`);
}
