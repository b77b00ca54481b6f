import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';

type Row = Readonly<Record<string, { readonly S: string } | { readonly N: string }>>;

/** The AWS calls of one erasure. */
export interface Aws {
  secret(id: string): Promise<string>;
  transact(rows: readonly Row[]): Promise<unknown>;
  put(row: Row): Promise<unknown>;
  count(key: Row): Promise<unknown>;
  get(keys: readonly Row[]): Promise<unknown>;
}

/** An update that counts. */
export const addOne = { UpdateExpression: 'ADD n :one', ExpressionAttributeValues: { ':one': { N: '1' } } };

/** The calls of one erasure to Voucherify. */
export interface Voucherify {
  find(sourceId: string): Promise<{ readonly id: string }>;
  remove(id: string): Promise<unknown>;
}

interface Event {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true });

/**
 * Returns the function that makes the calls of one erasure in the same order, concurrently where the product does, and
 * nothing else. It checks no response, keeps no receipt, supports one platform format, and returns `undefined` for a
 * wrong secret.
 */
export function bareErasure(aws: Aws, open: (appId: string, appToken: string) => Voucherify = voucherifyOf) {
  const ids: Record<string, string> = JSON.parse(process.env['SECRET_ARNS'] ?? '{}') as Record<string, string>;
  const [platform, keys] = ['erasure/platform/ketch', 'erasure/voucherify/main'].map(name =>
    aws.secret(ids[name] ?? ''),
  );
  aws.secret(ids['erasure/pepper'] ?? '').catch(() => undefined);
  let opened: Voucherify | undefined;
  return async (authorization: string | undefined, { metadata, request: received }: RequestBody): Promise<unknown> => {
    const { current } = JSON.parse((await platform) ?? '') as { current: string };
    if (authorization !== current) return undefined;
    const { appId, appToken } = JSON.parse((await keys) ?? '') as { appId: string; appToken: string };
    opened ??= open(appId, appToken);
    const [identity] = received.identities;
    const key = (sk: string) => ({ pk: { S: metadata.uid }, sk: { S: sk } });
    const row = (sk: string) => ({ ...key(sk), row: { S: 'x'.repeat(900) } });
    await aws.transact([row('receipt'), row('personal-data'), row('subject')]);
    await Promise.all([aws.put(row('pace')), aws.count(key('count')), aws.get([key('a'), key('b'), key('c')])]);
    const found = await opened.find(identity?.identityValue ?? '');
    await aws.transact([row('receipt'), row('pins')]);
    const deleted = await opened.remove(found.id);
    await aws.transact([row('receipt'), row('subject'), row('personal-data'), row('pins')]);
    return deleted;
  };
}

/** Returns the baseline handler without a framework. */
export function bareHandler(aws: Aws) {
  const erase = bareErasure(aws);
  return async ({ headers, body }: Event) => {
    const message = JSON.parse(Buffer.from(body, 'base64').toString()) as RequestBody;
    const done = await erase(headers['Authorization'], message);
    return { statusCode: done === undefined ? 403 : 200, headers: {}, body: JSON.stringify(done ?? {}) };
  };
}

function voucherifyOf(appId: string, appToken: string): Voucherify {
  const headers = { 'X-App-Id': appId, 'X-App-Token': appToken };
  return {
    find: async sourceId => (await call('GET', `/v1/customers/${sourceId}`, headers)) as { id: string },
    remove: id => call('POST', `/v1/customers/${id}/permanent-deletion`, headers),
  };
}

interface RequestBody {
  readonly metadata: { readonly uid: string };
  readonly request: { readonly identities: readonly { readonly identityValue: string }[] };
}

function call(method: string, path: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, 'https://api.voucherify.io'), { method, headers, agent }, answer => {
      text(answer).then(body => resolve(JSON.parse(body)), reject);
    });
    sent.on('error', reject).end();
  });
}
