import type { Resource } from './assembly.ts';

/**
 * Creates a stack on an emulator and gives the physical names. Only what the emulator's CloudFormation can make may be
 * in it. Throws with the stack's own reason when it does not come up.
 */
export async function createStack(
  endpoint: string,
  name: string,
  resources: Readonly<Record<string, Pick<Resource, 'Type' | 'Properties'>>>,
): Promise<ReadonlyMap<string, string>> {
  const body = JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: resources });
  await call(endpoint, { Action: 'CreateStack', StackName: name, TemplateBody: body, Capabilities: 'CAPABILITY_IAM' });
  const described = await call(endpoint, { Action: 'DescribeStacks', StackName: name });
  const status = /<StackStatus>(\w+)</.exec(described)?.[1];
  if (status !== 'CREATE_COMPLETE') throw new Error(`the stack is ${status}: ${described}`);
  return physicalIds(await call(endpoint, { Action: 'DescribeStackResources', StackName: name }));
}

/** Reads the answer to DescribeStackResources. */
export function physicalIds(xml: string): ReadonlyMap<string, string> {
  const members = xml.split('<member>').slice(1);
  const named = members.map(
    member => [inside(member, 'LogicalResourceId'), inside(member, 'PhysicalResourceId')] as const,
  );
  return new Map(named);
}

function inside(xml: string, tag: string): string {
  return new RegExp(`<${tag}>([^<]*)<`).exec(xml)?.[1] ?? '';
}

/** The query protocol; an emulator finds the service by the scope of the credentials and checks no signature. */
async function call(endpoint: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: scoped('cloudformation') },
    body: new URLSearchParams({ Version: '2010-05-15', ...parameters }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${parameters['Action']} failed: ${text}`);
  return text;
}

/** Calls an operation of one of the JSON services, such as `events` and `AWSEvents.ListRules`. */
export async function callJson(endpoint: string, service: string, target: string, input: unknown): Promise<unknown> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: scoped(service), 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify(input),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${target} failed: ${text}`);
  return JSON.parse(text);
}

function scoped(service: string): string {
  const scope = `Credential=test/20260101/eu-west-1/${service}/aws4_request`;
  return `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=none`;
}
