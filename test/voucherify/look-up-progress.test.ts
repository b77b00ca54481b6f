import { describe, expect, test } from 'vitest';
import type { VoucherifyClient } from '../../lambda/voucherify/client.ts';
import type { LookUpFinding } from '../../lambda/voucherify/find-customers.ts';
import { lookUpProgress } from '../../lambda/voucherify/look-up-progress.ts';
import { reply } from '../support/erasing-answers.ts';

/** A client whose replies are made with these app ids, one after the other. */
function clientWith(...appIds: readonly string[]): VoucherifyClient {
  const left = [...appIds];
  const next = async () => ({ ...reply(200, {}), appId: left.shift() ?? '' });
  return { lookUp: next, listByEmail: next, deletePermanently: next };
}

const hmacOf = (appId: string) => `hmac of ${appId}`;
const all = () => true;

async function twoPages(client: VoucherifyClient): Promise<LookUpFinding> {
  await client.listByEmail('ada@example.com', 1, 0);
  await client.listByEmail('ada@example.com', 2, 0);
  return { kind: 'found', candidates: [] };
}

async function notIdentifiable(client: VoucherifyClient): Promise<LookUpFinding> {
  await client.lookUp('crm-1', 0);
  return { kind: 'not-identifiable' };
}

describe('progress of look-ups over several attempts', () => {
  test('look-up progress: does not count a look-up whose pages were read under two app ids', async () => {
    const progress = lookUpProgress(undefined, hmacOf);
    const once = progress.of(0, clientWith('app-1', 'app-2'), all);
    expect(await once('ada@example.com', twoPages)).toMatchObject({ kind: 'retry', code: 'app-id-changed' });
    expect(progress.count()).toBe(0);
    expect(progress.added()).toBeUndefined();
  });

  test('look-up progress: keeps that a value cannot be looked up as its kind', async () => {
    const first = lookUpProgress(undefined, hmacOf);
    expect(await first.of(0, clientWith('app-1'), all)('crm-1', notIdentifiable)).toEqual({ kind: 'not-identifiable' });
    const again = lookUpProgress(first.added(), hmacOf);
    expect(await again.of(0, clientWith(), all)('crm-1', twoPages)).toEqual({ kind: 'not-identifiable' });
    expect(again.added()).toBeUndefined();
  });

  test('look-up progress: separates equal values of two identifiers', async () => {
    const progress = lookUpProgress(undefined, hmacOf);
    await progress.of(0, clientWith('app-1'), all)('crm-1', notIdentifiable);
    expect(await progress.of(1, clientWith('app-1', 'app-1'), all)('crm-1', twoPages)).toMatchObject({ kind: 'found' });
    expect(progress.count()).toBe(2);
  });
});
