import * as v from 'valibot';
import type { Resource } from './assembly.ts';

/**
 * Creates a stack on an emulator; returns the physical names. The stack may contain only resources that the emulator's
 * CloudFormation supports. Throws an error with the stack's reason if the creation fails.
 */
export async function createStack(
  endpoint: string,
  name: string,
  resources: Readonly<Record<string, Pick<Resource, 'Type' | 'Properties'>>>,
): Promise<ReadonlyMap<string, string>> {
  const body = JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: resources });
  await call(endpoint, { Action: 'CreateStack', StackName: name, TemplateBody: body, Capabilities: 'CAPABILITY_IAM' });
  const descriptionOf = await call(endpoint, { Action: 'DescribeStacks', StackName: name });
  const status = /<StackStatus>(\w+)</.exec(descriptionOf)?.[1];
  if (status !== 'CREATE_COMPLETE') throw new Error(`the stack is ${status}: ${descriptionOf}`);
  return physicalIds(await call(endpoint, { Action: 'DescribeStackResources', StackName: name }));
}

/** Returns the physical ids in a response to DescribeStackResources. */
function physicalIds(xml: string): ReadonlyMap<string, string> {
  const members = xml.split('<member>').slice(1);
  const named = members.map(
    member => [inside(member, 'LogicalResourceId'), inside(member, 'PhysicalResourceId')] as const,
  );
  return new Map(named);
}

function inside(xml: string, tag: string): string {
  return new RegExp(`<${tag}>([^<]*)<`).exec(xml)?.[1] ?? '';
}

/** Makes a call in the query protocol. An emulator finds the service by the credential scope and checks no signature. */
async function call(endpoint: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: scoped('cloudformation') },
    body: new URLSearchParams({ Version: '2010-05-15', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${parameters['Action']} failed: ${text}`);
  return text;
}

/** Calls an operation of a JSON service, such as `AWSEvents.ListRules` of `events`. */
export async function callJson(endpoint: string, service: string, target: string, input: unknown): Promise<unknown> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: scoped(service), 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${target} failed: ${text}`);
  return JSON.parse(text);
}

function scoped(service: string): string {
  const scope = `Credential=test/20260101/eu-west-1/${service}/aws4_request`;
  return `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=none`;
}

/** The values of a deployed resource: its `Ref`, and its attributes for `Fn::GetAtt`. */
export interface Created {
  readonly ref: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Logical ids and pseudo parameters, such as `AWS::Region`. */
export type Known = ReadonlyMap<string, Created>;

/**
 * Replaces intrinsic functions by the values of created resources. Throws for an unknown reference or an unsupported
 * function, so that nothing is guessed.
 */
export function resolveReferences(value: unknown, known: Known): unknown {
  if (Array.isArray(value)) return value.map(part => resolveReferences(part, known));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (first !== undefined && entries.length === 1 && isIntrinsic(first[0])) return intrinsic(first[0], first[1], known);
  return Object.fromEntries(entries.map(([name, part]) => [name, resolveReferences(part, known)]));
}

/** Returns the result of `resolveReferences`; throws if it is not a text. */
export function resolveText(value: unknown, known: Known): string {
  return v.parse(v.string(), resolveReferences(value, known));
}

function isIntrinsic(key: string): boolean {
  return key === 'Ref' || key.startsWith('Fn::') || key === 'Condition';
}

function intrinsic(name: string, argument: unknown, known: Known): string {
  switch (name) {
    case 'Ref':
      return lookUp(v.parse(v.string(), argument), known).ref;
    case 'Fn::GetAtt': {
      const [id, attribute] = v.parse(v.tuple([v.string(), v.string()]), argument);
      return attributeOf(id, attribute, known);
    }
    case 'Fn::Join': {
      const [separator, parts] = v.parse(v.tuple([v.string(), v.array(v.unknown())]), argument);
      return parts.map(part => resolveText(part, known)).join(separator);
    }
    case 'Fn::Sub':
      return v
        .parse(v.string(), argument)
        .replaceAll(/\$\{([^}]+)\}/g, (_, named: string) => substituted(named, known));
    default:
      throw new Error(`the template uses ${name}, which is not resolveReferences here`);
  }
}

function substituted(named: string, known: Known): string {
  const [id = '', attribute] = named.split('.');
  return attribute === undefined ? lookUp(id, known).ref : attributeOf(id, attribute, known);
}

function attributeOf(id: string, attribute: string, known: Known): string {
  const text = lookUp(id, known).attributes?.[attribute];
  if (text === undefined) throw new Error(`the template refers to ${id}.${attribute}, which is unknown`);
  return text;
}

function lookUp(id: string, known: Known): Created {
  const created = known.get(id);
  if (created === undefined) throw new Error(`the template refers to ${id}, which was not created`);
  return created;
}
