import { describe, expect, test } from 'vitest';
import type { Adapters } from '../../lambda/services.ts';
import { token } from '../support/canary.ts';
import { canaryHarness, expectSilence } from '../support/canary-harness.ts';
import { unexpectedError } from '../support/failures.ts';

const known = [{ source_id: token('field source id'), email: 'x@example.com', created_at: '2025-01-01T00:00:00Z' }];

describe('errors', () => {
  const message = `${token('error')} at https://${token('error host')}/${token('error path')}`;
  const unforeseen = () =>
    Promise.reject(Object.assign(unexpectedError(message), { [token('error field')]: token('error value') }));

  test.each<[string, number, (ports: Adapters) => Partial<Adapters>]>([
    ['reading the secrets', 500, () => ({ readSecret: unforeseen })],
    ['storing', 500, ({ store }) => ({ store: { ...store, accept: unforeseen } })],
    ['writing the result', 500, ({ store }) => ({ store: { ...store, replace: unforeseen } })],
    ['reading control rows', 200, ({ control }) => ({ control: { ...control, read: unforeseen } })],
    ['writing control rows', 200, ({ control }) => ({ control: { ...control, write: unforeseen } })],
    ['counting', 200, ({ control }) => ({ control: { ...control, count: unforeseen } })],
    ['calling Voucherify', 500, () => ({ send: unforeseen })],
    [
      'reading the key of Voucherify',
      200,
      ({ readSecret }) => ({ readSecret: name => (name.includes('voucherify') ? unforeseen() : readSecret(name)) }),
    ],
    [
      'reading the pepper',
      500,
      ({ readSecret }) => ({ readSecret: name => (name.includes('pepper') ? unforeseen() : readSecret(name)) }),
    ],
  ])('%s: no planted value appears', async (_, status, change) => {
    const canary = await canaryHarness({ customers: known, change });
    for (const name of ['error', 'error host', 'error path', 'error field', 'error value']) canary.planted.token(name);
    expect((await canary.send(canary.wire())).status).toBe(status);
    canary.harness.clock.now += 3_600_000;
    await canary.harness.sweep().catch(() => undefined);
    expectSilence(canary);
  });

  test.each([
    '',
    'null',
    `"${token('text')}"`,
    `{"current":"${token('text')}`,
    `{"current":"${token('text').slice(0, 20)}"}`,
  ])('unusable secret %#: no planted value appears', async text => {
    const canary = await canaryHarness({ secrets: { 'erasure/platform/ketch': text } });
    canary.planted.token('text');
    expect((await canary.send(canary.wire())).status).toBe(503);
    expectSilence(canary);
  });
});
