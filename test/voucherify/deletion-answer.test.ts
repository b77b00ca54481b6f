import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDeletion } from '../../lambda/voucherify/responses.ts';
import { done, html, now, pin, reply } from '../support/erasing-answers.ts';

const judge = (body: unknown) => parseDeletion(reply(200, body), pin, now);
const without = (field: keyof typeof done) =>
  Object.fromEntries(Object.entries(done).filter(([name]) => name !== field));
const counted = (customer: unknown) => ({ ...done, data_json: { ...done.data_json, customer } });
const unproven = (code: string) => ({
  kind: 'retry',
  code,
  mayHaveExecuted: true,
  stop: false,
  unproven: true,
  alarm: 'unproven-response',
});

describe('a 200 to a permanent deletion', () => {
  it('as it is documented proves it, and is kept as it came', () => {
    expect(judge(done)).toEqual({ kind: 'deleted', received: done });
  });

  it.each([
    ['{}', {}],
    ['an HTML page', html],
    ['nothing', ''],
    ['JSON cut short', '{"status":"DONE"'],
    ['null', 'null'],
    ['a text', '"DONE"'],
    ['a list', [done]],
    ['a number', '1'],
    ['an object inside another', { deletion: done }],
    ['no status', without('status')],
    ['a null status', { ...done, status: null }],
    ['a status that is under way', { ...done, status: 'IN_PROGRESS' }],
    ['a failed status', { ...done, status: 'FAILED' }],
    ['a status in lower case', { ...done, status: 'done' }],
    ['a status with a space', { ...done, status: 'DONE ' }],
    ['a status in a list', { ...done, status: ['DONE'] }],
    ['no related_object_id', without('related_object_id')],
    ['a null related_object_id', { ...done, related_object_id: null }],
    ['a list as related_object_id', { ...done, related_object_id: [pin] }],
    ['no data_json', without('data_json')],
    ['a null data_json', { ...done, data_json: null }],
    ['an empty data_json', { ...done, data_json: {} }],
    ['a list as data_json', { ...done, data_json: [1] }],
    ['no customer counted', counted(0)],
    ['two customers counted', counted(2)],
    ['the count as text', counted('1')],
    ['true as count', counted(true)],
    ['a null count', counted(null)],
    ['minus one counted', counted(-1)],
  ])('with %s proves nothing', (_, body) => {
    const { kind, ...rest } = judge(body);
    expect(kind).toBe('retry');
    expect(rest).toMatchObject({ mayHaveExecuted: true, stop: false, unproven: true });
  });

  it('says in its code whether it was JSON', () => {
    expect(judge(html)).toEqual(unproven('not-json'));
    expect(judge({})).toEqual(unproven('unproven-deletion'));
  });

  it.each([
    ['another customer', 'cust_0000000000000000000000Z9'],
    ['the same id in another case', pin.toLowerCase()],
    ['a longer id', `${pin}0`],
    ['a source_id', 'crm-10042'],
    ['nothing at all', ''],
  ])('about %s stops everything and pages, whatever else it says', (_, related_object_id) => {
    for (const body of [
      { ...done, related_object_id },
      { ...counted(0), related_object_id, status: 'FAILED' },
    ]) {
      expect(judge(body)).toEqual({
        kind: 'review',
        code: 'wrong-customer-deleted',
        mayHaveExecuted: true,
        stop: true,
        alarm: 'wrong-customer-deleted',
      });
    }
  });

  it.each(['id', 'created_at', 'related_object', 'object'] as const)('needs no %s', field => {
    expect(judge(without(field))).toEqual({ kind: 'deleted', received: without(field) });
    expect(judge({ ...done, [field]: null })).toEqual({ kind: 'deleted', received: without(field) });
  });

  it.each(['pernament_deletion', 'permanent_deletion'])('takes the object %s', object => {
    expect(judge({ ...done, object })).toEqual({ kind: 'deleted', received: { ...done, object } });
  });

  it('keeps counts whatever they are, and nothing that is no count', () => {
    const data_json = {
      orders: 0,
      events: 10 ** 9,
      segments: null,
      daily_events: 'Ada',
      customer: 1,
      list: [],
      half: 0.5,
    };
    expect(judge({ ...done, data_json })).toMatchObject({
      kind: 'deleted',
      received: { data_json: { orders: 0, events: 10 ** 9, customer: 1 } },
    });
  });

  it('keeps no field that is not documented and no value that is not of the documented shape', () => {
    const told = judge({
      ...done,
      customer: { name: 'Ada Example' },
      id: 'del_ada@example.com',
      created_at: 'yesterday by Ada Example',
      related_object: 'Ada Example',
      object: 'ada@example.com',
      data_json: { customer: 1, 'ada@example.com': 1, 'Ada Example': 2 },
    });
    expect(told).toEqual({
      kind: 'deleted',
      received: { status: 'DONE', related_object_id: pin, data_json: { customer: 1 } },
    });
  });

  it('proves a deletion only by all four facts together, whatever stands in the fields', () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('DONE', pin, 1, '1', null));
    const fields = { status: odd, related_object_id: odd, data_json: fc.oneof(odd, fc.record({ customer: odd })) };
    const body = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.jsonValue());
    let proved = 0;
    fc.assert(
      fc.property(body, fc.boolean(), (fuzz, nearly) => {
        const sent = nearly && typeof fuzz === 'object' && fuzz !== null ? { ...done, ...fuzz } : fuzz;
        const { kind } = judge(JSON.stringify(sent));
        const holds = JSON.stringify(pickFacts(sent)) === JSON.stringify(['DONE', pin, 1]);
        expect(kind === 'deleted').toBe(holds);
        proved += Number(holds);
      }),
      { seed: 20261124, numRuns: 3000 },
    );
    expect(proved).toBeGreaterThan(30);
  });
});

function pickFacts(sent: unknown): unknown[] {
  const at = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
  return [at(sent, 'status'), at(sent, 'related_object_id'), at(at(sent, 'data_json'), 'customer')];
}
