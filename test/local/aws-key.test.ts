import type { ServerResponse } from 'node:http';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect, onTestFinished, test } from 'vitest';
import { createEvidenceKey } from '../../infra/local/aws-key.ts';
import { startAwsEndpoint } from '../support/aws-endpoint.ts';
import { emulated } from '../support/moto.ts';

const alias = 'alias/erasure-evidence';

type Answers = Readonly<Record<string, (response: ServerResponse) => void>>;

const refused = (name: string) => (response: ServerResponse) => {
  response.statusCode = 400;
  response.end(JSON.stringify({ __type: name, message: 'as the script has it' }));
};
const done = (answer: object) => (response: ServerResponse) => void response.end(JSON.stringify(answer));

/** What an emulator that answers so is asked for, in order. */
async function asked(answers: Answers): Promise<readonly string[]> {
  const endpoint = await startAwsEndpoint(({ operation }, response) => answers[operation]?.(response));
  onTestFinished(endpoint.stop);
  await createEvidenceKey(new KMSClient({ ...emulated(endpoint.endpoint), maxAttempts: 1 }), alias);
  return endpoint.operations;
}

const none = refused('NotFoundException');
const made = done({ KeyMetadata: { KeyId: 'key-1' } });

test('a key that is there is left as it is', async () => {
  expect(await asked({ DescribeKey: made })).toEqual(['DescribeKey']);
});

test('a key that is missing is made, with its alias', async () => {
  const operations = await asked({ DescribeKey: none, CreateKey: made, CreateAlias: done({}) });
  expect(operations).toEqual(['DescribeKey', 'CreateKey', 'CreateAlias']);
});

test('another process that was faster is no error: its key serves both', async () => {
  const faster = { DescribeKey: none, CreateKey: made, CreateAlias: refused('AlreadyExistsException') };
  expect(await asked(faster)).toHaveLength(3);
});

test.each([
  ['asking', { DescribeKey: refused('AccessDeniedException') }],
  ['naming', { DescribeKey: none, CreateKey: made, CreateAlias: refused('LimitExceededException') }],
])('whoever may not do %s is told so', async (_, answers) => {
  await expect(asked(answers)).rejects.toThrow('as the script has it');
});
