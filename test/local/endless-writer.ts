import { once } from 'node:events';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { kept, pins, receiptOf, withPins } from '../support/receipt-builders.ts';

/** Runs as a process: writes receipts to the given file, and prints an id after both writes of a receipt are committed. */
const [, , file = ''] = process.argv;
const store = openSqliteStore(file);
for (let at = 0; ; at += 1) {
  const receipt = receiptOf({ id: `receipt-${at}` });
  await store.accept(receipt, kept);
  await store.replace(withPins(receipt, 'main', pins.length), { pins: { project: 'main', pins } });
  if (!process.stdout.write(`${receipt.id}\n`)) await once(process.stdout, 'drain');
}
