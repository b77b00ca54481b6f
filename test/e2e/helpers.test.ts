import { describe, expect, test } from 'vitest';
import { markdown, summary } from '../bench/statistics.ts';
import { type Created, physicalIds, resolveReferences, resolveText } from './support/cloudformation.ts';
import { beforeVoucherify, longestChain, type TimedCall, tally, timeline } from './support/recorder.ts';
import { startRuntimeApi } from './support/runtime-api.ts';

const known = new Map<string, Created>([
  ['AWS::Region', { ref: 'eu-west-1' }],
  ['Key', { ref: 'key-1', attributes: { Arn: 'arn:key-1' } }],
]);

describe('template references', () => {
  test.each([
    [{ Ref: 'Key' }, 'key-1'],
    [{ 'Fn::GetAtt': ['Key', 'Arn'] }, 'arn:key-1'],
    [{ 'Fn::Join': [':', ['a', { Ref: 'AWS::Region' }, { Ref: 'Key' }]] }, 'a:eu-west-1:key-1'],
    [{ 'Fn::Sub': `${'$'}{AWS::Region}/${'$'}{Key}/${'$'}{Key.Arn}` }, 'eu-west-1/key-1/arn:key-1'],
    [
      { Plain: 'text', Deep: [{ Ref: 'Key' }, 5, null] },
      { Plain: 'text', Deep: ['key-1', 5, null] },
    ],
  ])('%j: is replaced by the created value', (value, expected) => {
    expect(resolveReferences(value, known)).toEqual(expected);
  });

  test.each([
    [{ Ref: 'Unknown' }, 'Unknown, which was not created'],
    [{ 'Fn::GetAtt': ['Key', 'Name'] }, 'Key.Name, which is unknown'],
    [{ 'Fn::Select': [0, ['a']] }, 'Fn::Select, which is not resolveReferences here'],
  ])('%j: is rejected', (value, message) => {
    expect(() => resolveText(value, known)).toThrow(message);
  });
});

describe('longest chain', () => {
  const call = (began: number, ended: number): TimedCall => ({ to: 'aws', operation: 'GetItem', began, ended });

  test.each([
    ['no calls', [], 0],
    ['sequential calls', [call(1, 2), call(3, 4), call(5, 6)], 3],
    ['concurrent calls', [call(1, 4), call(2, 5), call(3, 6)], 1],
    ['one call, then two concurrent ones', [call(1, 2), call(3, 6), call(4, 5)], 2],
    ['a long call and two short ones', [call(1, 8), call(2, 3), call(4, 5)], 2],
  ])('%s: is counted', (_, calls, expected) => {
    expect(longestChain(calls)).toBe(expected);
  });

  test('chain: ends at the first call to Voucherify', () => {
    const events = timeline();
    for (const to of ['aws', 'aws', 'voucherify', 'aws'] as const) events.begin(to, `to ${to}`)();
    const all = events.since(0);
    expect(longestChain(beforeVoucherify(all, all))).toBe(2);
    expect(tally(all)).toBe('3 to aws, 1 to voucherify');
  });
});

test('physical ids: are read from the CloudFormation description', () => {
  const member = (logical: string, physical: string) =>
    `<member><PhysicalResourceId>${physical}</PhysicalResourceId><LogicalResourceId>${logical}</LogicalResourceId></member>`;
  const xml = `<r>${member('Receipts', 'erasure-receipts')}${member('Role', 'role-1')}</r>`;
  expect([...physicalIds(xml)]).toEqual([
    ['Receipts', 'erasure-receipts'],
    ['Role', 'role-1'],
  ]);
});

describe('Runtime API', () => {
  test('invocation: returns the response, and the error of the next one', async () => {
    const api = await startRuntimeApi('erasure-webhook');
    const runtime = `http://${api.address}/2018-06-01/runtime/invocation`;
    const responded = api.invoke({ one: 1 }, 60_000);
    const next = await fetch(`${runtime}/next`);
    const id = next.headers.get('lambda-runtime-aws-request-id');
    expect(await next.json()).toEqual({ one: 1 });
    await fetch(`${runtime}/${id}/response`, { method: 'POST', body: '{"two":2}' });
    expect(await responded).toEqual({ two: 2 });
    const failed = expect(api.invoke({}, 60_000)).rejects.toThrow('the function failed: {"errorType":"X"}');
    const last = (await fetch(`${runtime}/next`)).headers.get('lambda-runtime-aws-request-id');
    await fetch(`${runtime}/${last}/error`, { method: 'POST', body: '{"errorType":"X"}' });
    await failed;
    await api.close();
  });

  test('invocation: fails if the function process has ended', async () => {
    const api = await startRuntimeApi('erasure-webhook');
    const pending = expect(api.invoke({}, 60_000)).rejects.toThrow('gone');
    api.fail(new Error('gone'));
    await pending;
    await expect(api.ready).rejects.toThrow('gone');
    await api.close();
  });
});

test('statistics: come from the sorted measurements', () => {
  expect(summary([5, 1, 3])).toEqual({ least: 1, median: 3, p99: 5, most: 5 });
  expect(() => summary([])).toThrow('there are no measurements');
  expect(
    markdown([
      ['a', 'b'],
      ['c', 1],
    ]),
  ).toBe('| a | b |\n| --- | --: |\n| c | 1 |');
});
