import { describe, expect, onTestFinished, test, vi } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import { lambdaServices } from '../../lambda/aws/aws-services.ts';
import { patientTimeouts } from '../../lambda/aws/clients.ts';
import { readAhead } from '../../lambda/aws/secrets-manager.ts';
import { answers, refuses, startAwsEndpoint } from '../support/aws-endpoint.ts';

/** A clock that advances by each wait and by the time that the instance was frozen. */
function instance(frozenMs: readonly number[] = []) {
  const waits: number[] = [];
  let now = 0;
  const wait = async (ms: number) => {
    now += ms + (frozenMs[waits.length] ?? 0);
    waits.push(ms);
  };
  return { wait, waits, now: () => now };
}

const names = ['erasure/pepper', 'erasure/platform/ketch'];
const never = () => new Promise<string>(() => undefined);

describe('prefetch of secrets', () => {
  test('reads: are parallel, one per secret', async () => {
    const asked: string[] = [];
    const open = Promise.withResolvers<string>();
    const read = (name: string) => () => {
      asked.push(name);
      return open.promise;
    };
    const ended = readAhead(names.map(read), never);
    expect(asked).toEqual(names);
    open.resolve('text');
    expect(await ended).toBeUndefined();
  });

  test('failed read: is no error, and the others finish', async () => {
    const slow = Promise.withResolvers<string>();
    const reads = [() => Promise.reject(new Error('down')), () => slow.promise];
    let isOver = false;
    const ended = readAhead(reads, never).then(() => {
      isOver = true;
    });
    await Promise.resolve();
    expect(isOver).toBe(false);
    slow.resolve('text');
    await ended;
  });

  test('missing response: the wait ends after five seconds', async () => {
    const { wait, now } = instance();
    await readAhead([never, never], wait);
    expect(now()).toBe(5000);
  });

  test('freeze: costs at most one short wait of the five seconds', async () => {
    const { wait, waits, now } = instance([0, 0, 3_600_000, 0, 2300]);
    await readAhead([never, never], wait);
    expect(now()).toBe(5000 + 3_600_000 + 2300);
    expect(Math.max(...waits)).toBeLessThanOrEqual(100);
  });

  test('no secrets: no read and no wait', async () => {
    const { wait, waits } = instance();
    await readAhead([], wait);
    expect(waits).toEqual([]);
  });
});

describe('deployed function', () => {
  const pepper = 'pepper-of-a-function-that-starts-and-is-long-enough';
  const secretArns = Object.fromEntries(['erasure/pepper', 'erasure/voucherify/main'].map(name => [name, name]));

  const lambdaCredentials = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'key-of-the-function',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_SESSION_TOKEN: 'session-of-the-function',
  };

  async function starting(...[answer]: Parameters<typeof startAwsEndpoint>) {
    const endpoint = await startAwsEndpoint(answer);
    onTestFinished(endpoint.stop);
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint.endpoint);
    const lines: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation(line => lines.push(String(line)) > 0);
    const parts = await lambdaServices(
      {
        AWS_LAMBDA_FUNCTION_NAME: 'webhook',
        ...lambdaCredentials,
        AWS_ENDPOINT_URL: endpoint.endpoint,
        SETTINGS_JSON: JSON.stringify(example),
        SECRET_ARNS: JSON.stringify(secretArns),
        RECEIPTS_TABLE: 'erasure-receipts',
        IDENTIFIERS_TABLE: 'erasure-identifiers',
        METRICS_NAMESPACE: 'erasure',
      },
      undefined,
      patientTimeouts,
    );
    return { endpoint, lines, parts };
  }

  test('start: reads the secrets that it may read, and the rate limits of the projects that it calls', async () => {
    const { endpoint, parts } = await starting(answers(200, { SecretString: pepper, Responses: {} }));
    expect(endpoint.operations.toSorted()).toEqual(['BatchGetItem', 'GetSecretValue', 'GetSecretValue']);
    await parts().pseudonymizer();
    expect(endpoint.operations).toHaveLength(3);
  });

  test('calls: are signed with the credentials that Lambda set, for its region', async () => {
    const signed: unknown[] = [];
    await starting((call, response) => {
      const { authorization, 'x-amz-security-token': token } = call.request.headers;
      signed.push([/Credential=([^/]+)\/\d+\/([^/]+)/.exec(String(authorization))?.slice(1), token]);
      return answers(200, { SecretString: pepper, Responses: {} })(call, response);
    });
    const expected = [['key-of-the-function', 'eu-west-1'], 'session-of-the-function'];
    expect(signed).toEqual([expected, expected, expected]);
  });

  test.each([
    ['is down', refuses(500, 'InternalServiceError')],
    ['refuses', refuses(400, 'AccessDeniedException')],
  ])('start while Secrets Manager %s: raises no alarm, and the secrets are read again on use', async (_, answer) => {
    const { endpoint, lines, parts } = await starting(answer);
    expect(lines.join('')).toContain('"call":"GetSecretValue"');
    expect(lines.join('')).not.toContain('alarm');
    endpoint.answerWith(answers(200, { SecretString: pepper }));
    expect((await parts().pseudonymizer()).appId('x')).toMatch(/^[\w-]{43}$/);
  });
});
