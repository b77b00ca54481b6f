import { type LegalHold, listLegalHolds, releaseLegalHold, setLegalHold } from '../../lambda/control/legal-holds.ts';
import { pepperName } from '../../lambda/domain/names.ts';
import { createPseudonymizer } from '../../lambda/receipts/hmac.ts';
import {
  argumentNumber,
  dayOf,
  decisionHelp,
  decisionOf,
  decisionOptions,
  OpsUsageError,
  type ParsedArgs,
  pickId,
} from './args.ts';
import type { Command, OpsContext } from './context.ts';
import { identifierOptions, type ManualIdentifier } from './identifiers.ts';
import { readIdentifiers } from './read-identifiers.ts';
import { isoSeconds, type Output, oneLine } from './terminal.ts';

export const holdCommand: Command = {
  summary: 'legal hold: do not erase a person until a day',
  options: {
    ...Object.fromEntries(identifierOptions.map(([, option]) => [option, { type: 'string' } as const])),
    ...decisionOptions,
    until: { type: 'string' },
  },
  help: `npm run ops -- hold --source-id - | --email - | --customer-id -
  --why "…" --until 2027-01-31

Nobody with this identifier is erased until that day (00:00 UTC). Requests for
the person are accepted and wait in review with the reason legal-hold; they
continue by themselves when the hold ends or is released. A customer is found by
its customer id, its source_id or its e-mail address, also if the request names
another one of them. Exit code 0: set or extended; 3: already in effect as long.

  -               the value is typed at a prompt that does not show it, or read
                  from the first line of standard input. It is not accepted as
                  an argument and is not stored: only its hash (HMAC) is
  --until DAY     when the hold ends; a hold without an end is not possible
${decisionHelp}

  npm run ops -- hold --source-id - --why "lawsuit 4 O 12/26" --until 2027-01-31
  npm run ops -- hold --email - --why "audit" --until 2027-06-30 < mail.txt
`,
  run: hold,
};

export const holdsCommand: Command = {
  summary: 'list the legal holds, without identifiers',
  options: {},
  help: `npm run ops -- holds

Lists the legal holds in effect: the hold's id, the kind of identifier, until
when, by whom and why. No identifier is shown, because none is stored.

  npm run ops -- holds
  npm run ops -- holds --json
`,
  run: list,
};

export const releaseCommand: Command = {
  summary: 'end a legal hold before its day',
  options: decisionOptions,
  help: `npm run ops -- release HOLD... --why "…"

Releases legal holds, by the ids that "holds" lists (the beginning is enough if
it is unique, at least 6 characters). Requests that waited for them continue
within 15 minutes. Exit code 0: released; 3: none of them is in effect.

${decisionHelp}

  npm run ops -- release HOLD --why "the case is closed"
`,
  run: release,
};

async function hold(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('hold: takes options only, no arguments');
  const decision = decisionOf(args, context);
  const until = dayOf('--until', args.text('until'));
  if (until <= decision.at) throw new OpsUsageError('--until: must be a day in the future');
  const [identifier, ...others] = await readIdentifiers(args);
  if (identifier === undefined || others.length > 0)
    throw new OpsUsageError('hold: give one identifier: --source-id -, --email - or --customer-id -');
  return placeHold(identifier, { until, ...decision }, context, output);
}

/** Sets a hold on one person and prints it. Returns the exit code. Throws `unavailable` if the store cannot be reached. */
export async function placeHold(
  identifier: ManualIdentifier,
  terms: Omit<LegalHold, 'id' | 'kind'>,
  context: OpsContext,
  output: Output,
): Promise<number> {
  const { subject } = createPseudonymizer(await context.readSecret(pepperName));
  const { kind } = identifier;
  const { until } = terms;
  const set: LegalHold = { id: subject(identifier), kind, ...terms };
  const { changed, sureAt } = await setLegalHold(set, context.control);
  if (output.json) output.printJson({ hold: set.id, until: isoSeconds(until), changed, sureAt: isoSeconds(sureAt) });
  else {
    output.print(
      `hold ${set.id}: ${changed ? `in effect until ${isoSeconds(until)}` : 'was already in effect as long'}`,
    );
    if (sureAt > context.now())
      output.print(`an erasure that began before the first hold can still delete until ${isoSeconds(sureAt)}`);
  }
  return changed ? 0 : 3;
}

async function list({ positionals }: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (positionals.length > 0) throw new OpsUsageError('holds: takes no arguments');
  const holds = await listLegalHolds(context.control, context.now());
  if (output.json)
    output.printJson(
      holds.map(({ id, kind, actor, reason, at, until }) => ({
        ...{ hold: id, kind, by: actor, why: reason },
        ...{ since: isoSeconds(at), until: untilText(until) },
      })),
    );
  else if (holds.length === 0) output.print('no legal hold is in effect');
  else for (const line of holds.flatMap(describe)) output.print(line, valueColumn);
  return 0;
}

/** Where the values of a hold start. */
const valueColumn = 9;

function describe({ id, kind, actor, reason, at, until }: LegalHold): readonly string[] {
  return [
    `hold ${id}: ${kind}, until ${untilText(until)}`,
    `  by     ${oneLine(actor)}, ${isoSeconds(at)}`,
    `  why    ${oneLine(reason)}`,
  ];
}

/** A row in an unknown format has no readable end. */
function untilText(until: number): string {
  return Number.isFinite(until) ? isoSeconds(until) : 'unknown';
}

async function release(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length === 0) throw new OpsUsageError('release: give the ids of holds, as "holds" lists them');
  const decision = decisionOf(args, context);
  const holds = await listLegalHolds(context.control, decision.at);
  const ids = holds.map(({ id }) => id);
  const picked = args.positionals.map(text => pickId(text, ids, 'holds'));
  const released: string[] = [];
  for (const [at, id] of picked.entries())
    if (id !== undefined && (await releaseLegalHold(id, decision, context.control))) released.push(id);
    else output.warn(`${argumentNumber(at, picked.length)}no hold in effect begins like this`);
  if (output.json) output.printJson({ released });
  else for (const id of released) output.print(`hold ${id}: released; requests continue within 15 minutes`);
  return released.length > 0 ? 0 : 3;
}
