import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AwsProblem, awsClientOptions } from '../../lambda/aws/clients.ts';
import { secretsManager } from '../../lambda/aws/secrets-manager.ts';
import type { ReadSecret } from '../../lambda/io/secret-cache.ts';
import {
  type Answer,
  type AwsEndpoint,
  answers,
  drips,
  patient,
  refuses,
  startAwsEndpoint,
} from '../support/aws-endpoint.ts';
import { emulated, motoIsHere } from '../support/moto.ts';
import { motoForSuite } from '../support/moto-suite.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const name = 'erasure/platform/ketch';
const arns = { [name]: 'arn:of-ketch', 'erasure/pepper': 'arn:of-pepper' };
const unusable = expect.objectContaining({ code: 'unavailable', alarm: 'secret-unusable' });
/** One attempt, so that the error is that of the first response. The store's tests cover retries. */
const once = { ...awsClientOptions(patient), maxAttempts: 1 };
const holds = (SecretString: string): Answer => answers(200, { ARN: 'arn:of-ketch', Name: name, SecretString });

interface Opened {
  readonly read: ReadSecret;
  readonly server: AwsEndpoint;
  readonly problems: AwsProblem[];
  readonly clock: { now: number };
}

/** Deadlines of the running calls: they expire when the script says so, not by the clock. */
const deadlines: (() => void)[] = [];
beforeEach(() => {
  const realTimeout = setTimeout;
  const scripted = (run: () => void, ms?: number) => {
    const timer = realTimeout(run, ms);
    if (ms === patient.callMs) deadlines.push(run);
    return timer;
  };
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(Object.assign(scripted, realTimeout));
});

function pastDeadline(): void {
  for (const expire of deadlines.splice(0)) expire();
}

async function opened(answer: Answer, random = 0): Promise<Opened> {
  const server = await startAwsEndpoint(answer);
  const client = new SecretsManagerClient({ ...once, ...emulated(server.endpoint) });
  onTestFinished(async () => {
    client.destroy();
    await server.stop();
  });
  const clock = { now: Date.UTC(2026, 10, 24) };
  const problems: AwsProblem[] = [];
  const read = secretsManager(client, arns, {
    now: () => clock.now,
    random: () => random,
    callMs: patient.callMs,
    log: problem => problems.push(problem),
  });
  return { read, server, problems, clock };
}

describe('secrets', () => {
  test('first read: fetches by ARN, later ones use memory', async () => {
    const bodies: string[] = [];
    const { read, server } = await opened((call, response) => {
      bodies.push(call.body);
      return holds('first')(call, response);
    });
    expect([await read(name), await read(name)]).toEqual(['first', 'first']);
    expect(server.operations).toEqual(['GetSecretValue']);
    expect(bodies).toEqual([JSON.stringify({ SecretId: 'arn:of-ketch' })]);
  });

  test.each([
    [0, 5 * minute],
    [0.5, 5.5 * minute],
    [0.999, 5 * minute + 59_940],
  ])('cache: is valid for five minutes plus up to one at random (%s)', async (random, freshFor) => {
    const { read, server, clock } = await opened(holds('first'), random);
    await read(name);
    server.answerWith(holds('second'));
    clock.now += freshFor - 1;
    expect(await read(name)).toBe('first');
    clock.now += 1;
    expect(await read(name)).toBe('second');
    expect(await read(name)).toBe('second');
    expect(server.operations).toHaveLength(2);
  });

  test('parallel reads: share one fetch per name', async () => {
    const { read, server } = await opened((call, response) => holds(call.body)(call, response));
    const texts = await Promise.all([...Array.from({ length: 20 }, () => read(name)), read('erasure/pepper')]);
    expect(new Set(texts).size).toBe(2);
    expect(server.operations).toHaveLength(2);
  });

  test('parallel reads: those that joined a failed fetch share a second one, because it may have been frozen', async () => {
    const { read, server } = await opened((call, response) => {
      server.answerWith(holds('first'));
      return refuses(500, 'InternalServiceError')(call, response);
    });
    const [began, ...joined] = await Promise.allSettled([read(name), read(name), read(name)]);
    expect(began).toMatchObject({ status: 'rejected' });
    expect(joined).toEqual(Array.from({ length: 2 }, () => ({ status: 'fulfilled', value: 'first' })));
    expect(server.operations).toHaveLength(2);
  });

  test('parallel reads during an outage: fetch twice and no more', async () => {
    const { read, server } = await opened(refuses(500, 'InternalServiceError'));
    const failures = await Promise.allSettled(Array.from({ length: 5 }, () => read(name)));
    expect(failures.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'rejected'));
    expect(server.operations).toHaveLength(2);
  });

  test('name without ARN: is not fetched', async () => {
    const { read, server, problems } = await opened(holds('text'));
    for (const unknown of ['erasure/platform/other', 'constructor', '__proto__']) {
      await expect(read(unknown)).rejects.toThrow(unusable);
    }
    expect(server.operations).toEqual([]);
    const unknown = { secret: 'erasure/platform/other', error: 'SecretWithoutArn' };
    expect(problems[0]).toEqual({ call: 'GetSecretValue', ...unknown });
  });

  test.each([
    ['no text', answers(200, { Name: name, SecretBinary: 'AAAA' })],
    ['an empty text', holds('')],
    ['a number as text', answers(200, { Name: name, SecretString: 5 })],
  ])('%s: is unusable', async (_, answer) => {
    const { read, problems } = await opened(answer);
    await expect(read(name)).rejects.toThrow(unusable);
    expect(problems).toEqual([{ call: 'GetSecretValue', secret: name, error: 'SecretWithoutText' }]);
  });

  test('failure: is not cached', async () => {
    const { read, server } = await opened(refuses(400, 'AccessDeniedException'));
    const failures = await Promise.allSettled([read(name), read(name)]);
    expect(failures.map(failure => failure.status)).toEqual(['rejected', 'rejected']);
    server.answerWith(holds('at last'));
    expect(await read(name)).toBe('at last');
    expect(server.operations).toHaveLength(2);
  });

  test('error: contains the name only', async () => {
    const { read } = await opened(refuses(400, 'AccessDeniedException'));
    const thrown = await read(name).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ message: `the secret ${name} is not usable` });
    expect(thrown).not.toHaveProperty('cause');
    expect(JSON.stringify(thrown)).not.toContain('arn:of-ketch');
  });
});

const outages: [string, Answer, string][] = [
  ['throttling', refuses(400, 'ThrottlingException'), 'ThrottlingException'],
  ['too many requests', refuses(429, 'SomethingElse'), 'SomethingElse'],
  ['a gateway that is down', (_, response) => void response.writeHead(503).end('<html>'), 'SyntaxError'],
  ['a reset', (_, response) => void response.destroy(), 'TimeoutError'],
  ['silence', pastDeadline, 'AbortError'],
  ['a drip', (call, response) => drips(call, response, pastDeadline), 'AbortError'],
];

const refusals: [string, Answer][] = [
  ['AccessDeniedException', refuses(400, 'AccessDeniedException')],
  ['ResourceNotFoundException', refuses(400, 'ResourceNotFoundException')],
  ['DecryptionFailure', refuses(400, 'DecryptionFailure')],
  ['UnrecognizedClientException', refuses(400, 'UnrecognizedClientException')],
  ['SecretWithoutText', answers(200, { Name: name })],
];

describe.each(outages)('secrets during an outage (%s)', (_, outage, error) => {
  test('without a cached value: fails', async () => {
    const { read } = await opened(outage);
    await expect(read(name)).rejects.toThrow(unusable);
  });

  test('with a cached value: serves it, and retries after a minute', async () => {
    const { read, server, problems, clock } = await opened(holds('first'));
    await read(name);
    server.answerWith(outage);
    clock.now += 5 * minute;
    expect(await read(name)).toBe('first');
    const asked = server.operations.length;
    clock.now += minute - 1;
    expect(await read(name)).toBe('first');
    expect(server.operations).toHaveLength(asked);
    expect(problems).toEqual([{ call: 'GetSecretValue', secret: name, error, staleMs: 5 * minute }]);
    server.answerWith(holds('second'));
    clock.now += 1;
    expect(await read(name)).toBe('second');
  });
});

test('stale secrets, age: is at most one day', async () => {
  const { read, server, clock } = await opened(holds('first'));
  await read(name);
  server.answerWith(refuses(500, 'InternalServiceError'));
  clock.now += day - 1;
  expect(await read(name)).toBe('first');
  clock.now += 1;
  await expect(read(name)).rejects.toThrow(unusable);
  await expect(read(name)).rejects.toThrow(unusable);
});

describe.each(refusals)('secrets after a refusal (%s)', (error, refusal) => {
  test('cached value: is discarded', async () => {
    const { read, server, problems, clock } = await opened(holds('first'));
    await read(name);
    server.answerWith(refusal);
    clock.now += 5 * minute;
    await expect(read(name)).rejects.toThrow(unusable);
    expect(problems).toEqual([{ call: 'GetSecretValue', secret: name, error }]);
    server.answerWith(refuses(500, 'InternalServiceError'));
    await expect(read(name)).rejects.toThrow(unusable);
    server.answerWith(holds('second'));
    expect(await read(name)).toBe('second');
    server.answerWith(refusal);
    await expect(read(name, { fresh: true })).rejects.toThrow(unusable);
  });
});

describe('fresh secrets', () => {
  test('fetch: happens at most once a minute and name', async () => {
    const { read, server, clock } = await opened(holds('first'));
    await read(name);
    await read('erasure/pepper');
    server.answerWith(holds('second'));
    expect(await read(name, { fresh: true })).toBe('second');
    server.answerWith(holds('third'));
    clock.now += minute - 1;
    expect(await read(name, { fresh: true })).toBe('second');
    expect(await read('erasure/pepper', { fresh: true })).toBe('third');
    clock.now += 1;
    expect(await read(name, { fresh: true })).toBe('third');
    expect(server.operations).toHaveLength(5);
  });

  test('parallel reads: share one fetch', async () => {
    const { read, server } = await opened(holds('first'));
    await read(name);
    server.answerWith(holds('second'));
    const texts = await Promise.all(Array.from({ length: 10 }, () => read(name, { fresh: true })));
    expect(new Set(texts)).toEqual(new Set(['second']));
    expect(server.operations).toHaveLength(2);
  });

  test('outage: serves the cached value', async () => {
    const { read, server, problems } = await opened(holds('first'));
    await read(name);
    server.answerWith(refuses(500, 'InternalServiceError'));
    expect(await read(name, { fresh: true })).toBe('first');
    expect(problems).toEqual([{ call: 'GetSecretValue', secret: name, error: 'InternalServiceError', staleMs: 0 }]);
  });
});

describe.skipIf(!motoIsHere())('secrets on moto', () => {
  const moto = motoForSuite();

  test('versions: the current one is read; after a rotation and a deletion too', async () => {
    const client = new SecretsManagerClient({ ...awsClientOptions(patient), ...emulated(moto().endpoint) });
    onTestFinished(() => client.destroy());
    const { ARN: arn = '' } = await client.send(new CreateSecretCommand({ Name: name, SecretString: 'first' }));
    const clock = { now: 0 };
    const read = secretsManager(client, { [name]: arn }, { now: () => clock.now, random: () => 0 });
    expect(await read(name)).toBe('first');
    await client.send(new PutSecretValueCommand({ SecretId: arn, SecretString: 'second' }));
    expect(await read(name)).toBe('first');
    expect(await read(name, { fresh: true })).toBe('second');
    await client.send(new DeleteSecretCommand({ SecretId: arn }));
    clock.now += minute;
    await expect(read(name, { fresh: true })).rejects.toThrow(unusable);
  });
});
