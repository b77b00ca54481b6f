import { describe, expect, it } from 'vitest';
import { ada, ben, cleo, erasingHouse, found, iso, one, resolved, start } from '../support/erasing-house.ts';

describe('the guard', () => {
  it.each([
    ['long before', -86_400_000, true],
    ['a millisecond before', -1, true],
    ['in the same millisecond', 0, true],
    ['a millisecond after', 1, false],
    ['years after', 1e12, false],
  ])('a customer created %s the request', async (_, offset, isMeant) => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1', email: 'ada@example.com', created_at: iso(start + offset) });
    for (const kind of ['customer_id', 'source_id', 'email'] as const) {
      const value = { customer_id: ada, source_id: 'crm-1', email: 'ada@example.com' }[kind];
      expect(await found(house, one(kind, value))).toEqual(isMeant ? [[ada, true]] : 'no-match');
    }
  });

  it('reads offsets and fractions', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'a', created_at: '2026-11-24T13:00:00+01:00' });
    house.person({ id: ben, source_id: 'b', created_at: '2026-11-24T12:00:00.001000Z' });
    house.person({ id: cleo, source_id: 'c', created_at: '2026-11-24T12:00:00Z' });
    expect(await found(house, one('source_id', 'a'))).toEqual([[ada, true]]);
    expect(await found(house, one('source_id', 'b'))).toBe('no-match');
    expect(await found(house, one('source_id', 'c'))).toEqual([[cleo, true]]);
  });

  it.each([null, '', 'yesterday', '2026-11-24', '2026-11-24T12:00:00', '1764000000000', '2026-13-45T12:00:00Z'])(
    'that cannot read created_at (%s) asks a person',
    async created_at => {
      const house = erasingHouse();
      house.person({ id: ada, source_id: 'crm-1', created_at });
      house.person({ id: ben, email: 'ben@example.com' });
      const both = [...one('email', 'ben@example.com'), ...one('source_id', 'crm-1')];
      const human = { kind: 'review', code: 'created-at-missing', mayHaveExecuted: false, stop: true };
      expect(await resolved(house, both)).toEqual(human);
      expect(await resolved(house, one('customer_id', ada))).toEqual(human);
    },
  );
});
