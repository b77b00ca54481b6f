import { askPreview, isDelayed } from '../../lambda/receipts/preview.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command } from './command.ts';
import type { OpsContext } from './context.ts';
import { readReceiptLike } from './receipts.ts';
import { isoSeconds, type Output } from './terminal.ts';

export const previewCommand: Command = {
  summary: 'count what would be deleted, while holdSeconds delays a request',
  options: { again: { type: 'boolean' } },
  help: `npm run ops -- preview RECEIPT [--again]

Asks the sweep to look up, within a minute, how many customers of each project
would be deleted. Run it again to see the result. Nothing is deleted, and no
identifier is shown. Only while holdSeconds delays the request. It counts
customers, not their orders, redemptions or other activity. When the delay ends
the customers are looked up again, so the number can differ.

  --again         look up again, although there is a result

Exit code 0: shown; 3: asked, not looked up yet; 1: the request is not delayed.

  npm run ops -- preview RECEIPT
  npm run ops -- refuse RECEIPT --why "matches 40 customers"
`,
  run: preview,
};

async function preview(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  const [text, ...others] = args.positionals;
  if (text === undefined || others.length > 0) throw new OpsUsageError('preview: give one receipt id');
  const receipt = await readReceiptLike(text, context, output);
  if (receipt === undefined) return reportError('receipt not found');
  const { preview: known } = receipt;
  if (known?.at !== undefined && !args.isSet('again')) return show(receipt, output);
  const now = context.now();
  const isAsked = known !== undefined && known.at === undefined && isDelayed(receipt, now);
  const { done } = isAsked ? { done: true } : await updateReceipt(context.store, receipt, one => askPreview(one, now));
  if (!done) return reportError('not delayed by holdSeconds: there is nothing to preview');
  if (output.json) output.printJson({ receipt: receipt.id, asked: true });
  else output.print('asked: the next sweep looks it up within a minute; run this command again');
  return 3;
}

function reportError(text: string): number {
  console.error(text);
  return 1;
}

function show({ id, preview: known, heldUntil = 0 }: Receipt, output: Output): number {
  const { at = 0, projects = {} } = known ?? {};
  const seen = isoSeconds(at);
  if (output.json) output.printJson({ receipt: id, at: seen, heldUntil: isoSeconds(heldUntil), projects });
  else {
    output.print(`looked up at ${seen}; the request waits until ${isoSeconds(heldUntil)}`);
    for (const [project, { customers, code }] of Object.entries(projects)) {
      const count = customers === undefined ? 'not known' : `${customers} customer${customers === 1 ? '' : 's'}`;
      output.print(`project ${project}: ${count}${code === undefined ? '' : ` (${code})`}`);
    }
  }
  return 0;
}
