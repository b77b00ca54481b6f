import { expect, it } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { describeStore } from '../receipts/store.contract.ts';
import { kept, now, putOff, receiptOf } from '../support/receipt-builders.ts';
import { withLaggingIndex } from './support/lagging-index.ts';

function opened(later: (bring: () => void) => void) {
  const sqlite = openSqliteStore(':memory:');
  return { store: withLaggingIndex(sqlite, later), close: () => sqlite.close() };
}

describeStore('store whose index does not lag', async () => opened(bring => bring()));

it('lagging index: due() follows the index, in whatever order its updates arrive', async () => {
  const heard: (() => void)[] = [];
  const { store, close } = opened(bring => heard.push(bring));
  const receipt = receiptOf();
  await store.accept(receipt, kept);
  expect(await store.due('erase', now, 10)).toEqual([]);
  await store.replace(putOff(receipt, now + 60_000));
  const [accepted, putOffLater] = heard;
  putOffLater?.();
  accepted?.();
  expect(await store.due('erase', now, 10)).toEqual([]);
  expect(await store.due('erase', now + 60_000, 10)).toEqual([receipt.id]);
  close();
});
