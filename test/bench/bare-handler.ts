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

interface Event {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true });

/**
 * Returns the baseline handler: it makes the calls of one erasure in the same order, concurrently where the product does,
 * and nothing else. It checks no response, keeps no receipt and supports one platform format.
 */
export function bareHandler(aws: Aws) {
  const ids: Record<string, string> = JSON.parse(process.env['SECRET_ARNS'] ?? '{}') as Record<string, string>;
  const [platform, keys] = ['erasure/platform/ketch', 'erasure/voucherify/main'].map(name =>
    aws.secret(ids[name] ?? ''),
  );
  aws.secret(ids['erasure/pepper'] ?? '').catch(() => undefined);
  return async ({ headers, body }: Event) => {
    const { current } = JSON.parse((await platform) ?? '') as { current: string };
    if (headers['Authorization'] !== current) return { statusCode: 403, headers: {}, body: '' };
    const { appId, appToken } = JSON.parse((await keys) ?? '') as { appId: string; appToken: string };
    const voucherify = { 'X-App-Id': appId, 'X-App-Token': appToken };
    const { metadata, request: received } = JSON.parse(Buffer.from(body, 'base64').toString()) as RequestBody;
    const [identity] = received.identities;
    const row = (sk: string) => ({ pk: { S: metadata.uid }, sk: { S: sk }, row: { S: 'x'.repeat(900) } });
    await aws.transact([row('receipt'), row('personal-data'), row('subject')]);
    await Promise.all([aws.put(row('pace')), aws.count(row('count')), aws.get([row('a'), row('b'), row('c')])]);
    const found = await call('GET', `/v1/customers/${identity?.identityValue}`, voucherify);
    await aws.transact([row('receipt'), row('pins')]);
    const deleted = await call('POST', `/v1/customers/${(found as { id: string }).id}/permanent-deletion`, voucherify);
    await aws.transact([row('receipt'), row('subject'), row('personal-data'), row('pins')]);
    return { statusCode: 200, headers: {}, body: JSON.stringify(deleted) };
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
