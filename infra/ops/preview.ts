import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { askPreview, isDelayed, type PreviewedProjects } from '../../lambda/receipts/transitions.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command, OpsContext } from './context.ts';
import { readReceiptLike, readStopping } from './receipts.ts';
import { counted, isoSeconds, type Output } from './terminal.ts';

export const previewCommand: Command = {
  summary: 'count what would be deleted, while delaySeconds delays a request',
  options: { again: { type: 'boolean' } },
  help: `npm run ops -- preview RECEIPT [--again]

Asks the sweep to look up, within a minute, how many customers of each project
would be deleted. Run it again to see the result. Nothing is deleted, and no
identifier is shown. Only while delaySeconds delays the request. "At least 107
activities" is what Voucherify lists on the first page of each customer: at most
100 records such as orders and redemptions. When the delay ends the customers
are looked up again, so the numbers can differ.

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
  if (!done) return reportError('not delayed by delaySeconds: there is nothing to preview');
  const { pauses } = await readStopping(receipt, context);
  const stopped = pauses.length === 0 ? {} : { pausedBy: pauses };
  if (output.json) output.printJson({ receipt: receipt.id, asked: true, ...stopped });
  else if (pauses.length > 0)
    output.print(`asked, but the pause of ${pauses.join(', ')} stops it: it is looked up after "resume"`, 2);
  else output.print('asked: the next sweep looks it up within a minute; run this command again');
  return 3;
}

function reportError(text: string): number {
  console.error(text);
  return 1;
}

function show({ id, preview: known, delayedUntil = 0 }: Receipt, output: Output): number {
  const { at = 0, projects = {} } = known ?? {};
  const seen = isoSeconds(at);
  if (output.json) output.printJson({ receipt: id, at: seen, delayedUntil: isoSeconds(delayedUntil), projects });
  else {
    output.print(`looked up at ${seen}; the request waits until ${isoSeconds(delayedUntil)}`);
    for (const [project, counts] of Object.entries(projects)) output.print(`project ${project}: ${describe(counts)}`);
  }
  return 0;
}

function describe({ customers, code, activities }: PreviewedProjects[string]): string {
  const count = customers === undefined ? 'not known' : counted(customers, 'customer');
  const reason = code === undefined ? '' : ` (${code})`;
  if (activities === undefined) return `${count}${reason}`;
  const listed =
    typeof activities === 'number' ? `at least ${activities} activities` : `activities not known (${activities})`;
  return `${count}${reason}, ${listed}`;
}
