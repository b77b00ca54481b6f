import { pinsKeptUntil } from '../../../lambda/receipts/closing.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { decideEraseAgain } from '../../../lambda/receipts/transitions.ts';
import { decisionHelp, decisionOptions, type OperatorDecision } from '../args.ts';
import type { Command } from '../command.ts';
import { decideAll } from './decide-all.ts';
import type { ReceiptDecision } from './decisions.ts';

export const eraseAgainCommand: Command = {
  summary: 'delete customers again that Voucherify still has after an erasure',
  options: decisionOptions,
  help: `npm run ops -- erase-again RECEIPT... --why "…"

Only for a closed receipt whose verification says stillPresent (the alarm
erased-person-still-present), within 30 days, and once. The next sweep creates
a new receipt with the ids of the customers that are still present. Pauses, the
hourly limit and delaySeconds apply to it as to a new request. The first receipt
and its evidence do not change. "show" names the new receipt's first one.

Exit code 0: changed; 3: nothing to change; 1: unknown, or not possible.

${decisionHelp}

  npm run ops -- erase-again RECEIPT --why "Voucherify confirmed the defect"
`,
  run: (args, context, output) => decideAll('erase-again', eraseAgainDecision, { args, context, output }),
};

function eraseAgainDecision(decision: OperatorDecision): ReceiptDecision {
  return {
    change: receipt => decideEraseAgain(receipt, { ...decision, action: 'erase-again' }),
    changed: () => 'the next sweep creates a new receipt that deletes the customers again',
    unchanged: receipt => {
      if (receipt.eraseAgain !== undefined) return { result: 'nothing', said: 'already decided' };
      return { result: 'not-possible', said: `not changed: ${whyNot(receipt)}` };
    },
  };
}

function whyNot(receipt: Receipt): string {
  if (pinsKeptUntil(receipt) === undefined) return 'its verification does not say stillPresent';
  return receipt.queue === 'sign' ? 'its evidence is being signed: repeat this in some minutes' : 'the ids are deleted';
}
