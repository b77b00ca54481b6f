import { pepperName } from '../../../lambda/domain/names.ts';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import { createPseudonymizer } from '../../../lambda/receipts/hmac.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import { decisionHelp, decisionOptions, numberOf, OpsUsageError } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { decideAll } from './decide-all.ts';
import {
  acceptPartialDecision,
  allowingNewRequest,
  refuseDecision,
  retryDecision,
  sameProjectDecision,
} from './decisions.ts';

const namingHelp = `RECEIPT is one or several ids, or - to read one id per line from standard input.
The beginning of an id is enough if it is unique (at least 6 characters).
Prints one line for each. Exit code 0: changed; 3: nothing to change; 1: some
are unknown or cannot be changed (the others are changed).
`;

/** Most customers of a project that one request may delete, as in the settings. */
export const maxCustomers = 50;

export const retryCommand: Command = {
  summary: 'try receipts again: after a review, or before their next attempt',
  options: {
    ...decisionOptions,
    max: { type: 'string' },
    'new-request': { type: 'boolean' },
    'same-project': { type: 'boolean' },
  },
  help: `npm run ops -- retry RECEIPT... --why "…"
  [--max N | --new-request | --same-project]

The next sweep tries again within a minute, unless a pause applies. Look-ups
that Voucherify refused are repeated. It also withdraws a refusal or an
acceptance that no sweep has processed yet. A receipt for which a wrong
customer was deleted is never tried again.

${namingHelp}
${decisionHelp}
  --max N         delete up to N customers in each project (1 to ${maxCustomers}); only for
                  receipts with the reason too-many-matches
  --new-request   the next delivery of the same body opens a new request, which
                  erases customers created before your decision; only for closed
                  receipts of a platform without request ids (Shopify), after
                  the alarm repeated-redaction
  --same-project  the current key belongs to the same Voucherify project as the
                  one that found the customers, so a 404 under it proves that a
                  customer is gone; only for the reason other-app-id. Check this
                  in Voucherify first: a key of another project returns 404 for
                  every customer. The evidence shows this decision

  npm run ops -- retry RECEIPT --why "the key of the project is valid again"
  npm run ops -- retry RECEIPT --max 12 --why "twelve profiles of one person"
  npm run ops -- retry RECEIPT --new-request --why "requested again"
  npm run -s ops -- list --state needs-review --json | jq -r ".[].receipt" \\
    | npm run -s ops -- retry - --why "fixed"
`,
  run: async (args, context, output) => {
    const most = numberOf(args, 'max', maxCustomers);
    const [newRequest, sameProject] = [args.isSet('new-request'), args.isSet('same-project')];
    if ([most !== undefined, newRequest, sameProject].filter(Boolean).length > 1)
      throw new OpsUsageError('retry: --max, --new-request and --same-project cannot be combined');
    if (sameProject) {
      const appIds = await currentAppIds(context);
      return decideAll('retry', decision => sameProjectDecision(decision, appIds), { args, context, output });
    }
    if (newRequest) {
      const platforms = openPlatforms(context.settings.platforms);
      return decideAll('retry', decision => allowingNewRequest(decision, platforms), { args, context, output });
    }
    return decideAll('retry', decision => retryDecision(decision, context, most), { args, context, output });
  },
};

export const refuseCommand: Command = {
  summary: 'refuse erasures: the sweep closes them and notifies the platform',
  options: decisionOptions,
  help: `npm run ops -- refuse RECEIPT... --why "…"

The next sweep closes the receipt as refused and notifies the platform. If an
attempt is running, the receipt is closed after it; completed deletions remain
recorded. Until the receipt is closed, "retry" withdraws the refusal.

${namingHelp}
${decisionHelp}

  npm run ops -- refuse RECEIPT --why "a shared mailbox"
  npm run -s ops -- refuse - --why "requested by mistake" < receipts.txt
`,
  run: (args, context, output) => decideAll('refuse', refuseDecision, { args, context, output }),
};

export const acceptPartialCommand: Command = {
  summary: 'close a receipt in review with what is proved',
  options: decisionOptions,
  help: `npm run ops -- accept-partial RECEIPT... --why "…"

The next sweep closes the receipt: as erased if a deletion is proved, otherwise
as not-identifiable. Only for a receipt in review of which nothing is left that
another attempt can delete: Voucherify refused the look-up of an identity, or
the reason is unseen-unproven. The evidence shows your decision, the refused
look-ups and every deletion. Until the receipt is closed, "retry" withdraws it.

${namingHelp}
${decisionHelp}

  npm run ops -- accept-partial RECEIPT --why "the address is not a real one"
`,
  run: (args, context, output) => decideAll('accept-partial', acceptPartialDecision, { args, context, output }),
};

/** Reads the key of every project. Returns the HMAC of each app id; a project without a valid key is missing. */
async function currentAppIds({ settings, readSecret }: OpsContext): Promise<ReadonlyMap<string, string>> {
  const hmacs = createPseudonymizer(await readSecret(pepperName));
  const keys = Object.keys(settings.projects).map(async project => {
    const key = await apiKeyReader(project, readSecret)();
    return key === undefined ? [] : [[project, hmacs.appId(key.appId)] as const];
  });
  return new Map((await Promise.all(keys)).flat());
}
