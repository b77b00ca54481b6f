import { pinsKeptUntil } from '../../../lambda/receipts/closing.ts';
import {
  hasRefusedLookUps,
  isFinal,
  isHeld,
  maxCustomersFor,
  type Receipt,
  wrongCustomerDeleted,
} from '../../../lambda/receipts/receipt.ts';
import { isDelayed } from '../../../lambda/receipts/transitions.ts';
import type { OpsContext } from '../context.ts';
import { maxCustomers } from '../decide/decide.ts';
import { isoSeconds } from '../terminal.ts';
import { readHolding } from '../what-holds.ts';

/** What an operator can do about an unfinished receipt: what to know first, and the commands. */
export interface NextStep {
  readonly facts: readonly string[];
  readonly commands: readonly string[];
  readonly section?: string;
}

const why = '--why "…"';

/** Returns the next step for a receipt; nothing to do for a closed one. Throws if the pauses cannot be read. */
export async function nextStepFor(receipt: Receipt, context: OpsContext): Promise<NextStep> {
  if (isFinal(receipt.state)) return stepOfClosed(receipt, context);
  if (receipt.state === 'open') return stepOfOpen(receipt, context);
  const { id, reason = '' } = receipt;
  if (isHeld(receipt)) return heldStep(receipt, context);
  const section = reason === wrongCustomerDeleted ? wrongCustomerDeleted : 'needs-review';
  return { ...reviewStep(id, reason, receipt, context), section };
}

/** Only customers that are still present can be deleted again, once and while their pins are kept. */
function stepOfClosed(receipt: Receipt, { now }: OpsContext): NextStep {
  const isKept = now() < (pinsKeptUntil(receipt) ?? 0);
  const canErase = isKept && receipt.queue !== 'sign' && receipt.eraseAgain === undefined;
  if (!canErase) return { facts: [], commands: [] };
  return {
    facts: [],
    commands: [`npm run ops -- erase-again ${receipt.id} ${why}`],
    section: 'erased-person-still-present',
  };
}

/** An open receipt is tried again without a command, unless a pause stops it. A delayed one can still be refused. */
async function stepOfOpen(receipt: Receipt, context: OpsContext): Promise<NextStep> {
  const { pauses, facts } = await readHolding(receipt, context);
  const resume = pauses.map(scope => `npm run ops -- resume ${scope} ${why}`);
  if (pauses.length > 0) return { facts, commands: ['npm run ops -- pauses', ...resume], section: 'paused' };
  if (!isDelayed(receipt, context.now())) return { facts, commands: [] };
  const commands = [`npm run ops -- preview ${receipt.id}`, `npm run ops -- refuse ${receipt.id} ${why}`];
  return { facts, commands, section: 'legal-hold' };
}

/** A held receipt continues by itself when its legal holds have ended. */
async function heldStep(receipt: Receipt, context: OpsContext): Promise<NextStep> {
  const { legalHolds, facts } = await readHolding(receipt, context);
  const by = isoSeconds(receipt.nextAttemptAt ?? context.now());
  const ended = legalHolds.length === 0 ? [`its legal hold has ended: it continues by itself after ${by}`] : [];
  const release = legalHolds.length === 0 ? [] : [`npm run ops -- release ${legalHolds.join(' ')} ${why}`];
  return {
    facts: [...ended, ...facts],
    commands: ['npm run ops -- holds', ...release, `npm run ops -- refuse ${receipt.id} ${why}`],
    section: 'legal-hold',
  };
}

function reviewStep(id: string, reason: string, receipt: Receipt, context: OpsContext): NextStep {
  const [retry, refuse, accept] = ['retry', 'refuse', 'accept-partial'].map(name => `npm run ops -- ${name} ${id}`);
  if (reason === 'too-many-matches') return tooManyStep(`${retry}`, `${refuse} ${why}`, receipt, context);
  if (reason === wrongCustomerDeleted)
    return { facts: [], commands: [`npm run ops -- pause all ${why}`, `${refuse} ${why}`] };
  if (reason === 'other-app-id') return { facts: [], commands: [`${retry} ${why}`, `${retry} --same-project ${why}`] };
  if (reason === 'unseen-unproven') return { facts: [], commands: [`${accept} ${why}`] };
  if (['identifiers-missing', 'pins-missing', 'source-id-spelling'].includes(reason))
    return { facts: [], commands: [`${refuse} ${why}`] };
  if (Object.values(receipt.projects).some(hasRefusedLookUps))
    return { facts: [], commands: [`${retry} ${why}`, `${accept} ${why}`] };
  return { facts: [], commands: ['npm run ops -- doctor', `${retry} ${why}`] };
}

function tooManyStep(retry: string, refuse: string, receipt: Receipt, { settings }: OpsContext): NextStep {
  const own = maxCustomersFor(receipt);
  const limit = own ?? settings.limits.customersPerRequest;
  const source = own === undefined ? 'customersPerRequest' : 'your last decision';
  const found = Object.entries(receipt.projects).flatMap(([project, { matched }]) =>
    matched === undefined ? [] : [[project, matched] as const],
  );
  const most = Math.max(0, ...found.map(([, matched]) => matched));
  const facts = found.map(
    ([project, matched]) =>
      `project ${project}: at least ${matched} customers match; the limit is ${limit} (${source})`,
  );
  return {
    facts,
    commands: most > maxCustomers ? [refuse] : [`${retry} --max ${Math.max(most, limit + 1)} ${why}`, refuse],
  };
}
