import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { failureOf } from '../../lambda/domain/failure.ts';
import type { HttpRequest } from '../../lambda/domain/http.ts';
import { parseJson, parseStrictJson } from '../../lambda/io/json.ts';
import { matchingRuleIndex, otherwiseFor, unmetPlaces } from '../../lambda/platforms/generic/identifiers.ts';
import { entriesOf } from '../../lambda/platforms/generic/orders.ts';
import { type Message, valueAtPlace } from '../../lambda/platforms/generic/places.ts';
import { compileReplies } from '../../lambda/platforms/generic/replies.ts';
import type { GenericSettings } from '../../lambda/platforms/generic/schema.ts';
import { type ResolvedSettings, resolveSettings } from '../../lambda/platforms/generic/schema.ts';
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { isGeneric, openPlatforms } from '../../lambda/platforms/index.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command, OpsContext } from './context.ts';
import type { Output } from './terminal.ts';

export const explainCommand: Command = {
  summary: 'show how a message of a generic platform would be read',
  options: { body: { type: 'string' }, headers: { type: 'string' } },
  help: `npm run ops -- explain PLATFORM --body FILE [--headers FILE]

Reads a message of a generic platform as its settings say, and prints the rule
that matches, the places that are read, and the reply and callback that would
follow. Sends nothing, stores nothing, and prints no value of the message. The
signature is not checked.

  --body FILE     the message, as JSON
  --headers FILE  its headers, as a JSON object (default: JSON content type)

  npm run ops -- explain datagrail --body sample.json
`,
  run: async (args, { settings }, output) => explain(args, settings, output),
};

/** Prints the explanation. Returns exit code 0 if the message would be accepted, 1 if it would be refused. */
function explain(args: ParsedArgs, { platforms }: OpsContext['settings'], output: Output): number {
  const [name = '', ...others] = args.positionals;
  const generic = Object.keys(platforms).filter(one => one === 'generic' || isGeneric(platforms[one]));
  if (others.length > 0 || !generic.includes(name)) {
    const known = generic.length === 0 ? ', and there is none' : `: ${generic.join(', ')}`;
    throw new OpsUsageError(`PLATFORM: must be a generic platform in the settings${known}`);
  }
  const request = requestOf(args, name);
  const verdict = verdictOf(name, platforms[name], request);
  const lines = [...explainMessage(v.parse(genericSettings, platforms[name]), request), `result: ${verdict.text}`];
  if (output.json) output.printJson({ accepted: verdict.accepted, lines });
  else for (const line of lines) output.print(line);
  return verdict.accepted ? 0 : 1;
}

function requestOf(args: ParsedArgs, name: string): HttpRequest {
  const rawBody = readFile('--body', args.text('body'));
  const given = args.text('headers');
  const text = given === undefined ? '{}' : readFile('--headers', given).toString('utf8');
  const headers = v.safeParse(v.record(v.string(), v.string()), parseJson(text)?.value);
  if (!headers.success) throw new OpsUsageError('--headers: must be a JSON object of texts');
  const all = Object.entries({ 'content-type': 'application/json', ...headers.output });
  return {
    method: 'POST',
    path: `/webhooks/${name}`,
    headers: new Map(all.map(([header, value]) => [header.toLowerCase(), [value]])),
    rawBody,
  };
}

function readFile(option: string, path: string | undefined): Buffer {
  if (path === undefined) throw new OpsUsageError(`${option}: give a file`);
  try {
    return readFileSync(path);
  } catch {
    throw new OpsUsageError(`${option}: the file cannot be read`);
  }
}

/** Reads the message as the webhook does. The text contains no value of it. */
function verdictOf(name: string, section: unknown, request: HttpRequest): { accepted: boolean; text: string } {
  try {
    const parsed = openPlatforms({ [name]: section })
      .get(name)
      ?.parse(request);
    if (parsed === undefined) return { accepted: false, text: 'no such platform' };
    if (!('erase' in parsed)) return { accepted: true, text: 'test' in parsed ? 'a test' : 'ignored' };
    const unreadable = parsed.unreadable ?? [];
    const also = unreadable.length === 0 ? '' : `; unreadable: ${[...new Set(unreadable)].join(', ')}`;
    return { accepted: true, text: `${parsed.erase.length} erasure(s)${also}` };
  } catch (thrown) {
    const { status, message } = failureOf(thrown);
    return { accepted: false, text: `refused with ${status}: ${message}` };
  }
}

/** At most so many orders of a list are explained one by one. */
const maxExplained = 5;

/** Returns lines about the rule, the places, the replies and the callback of a message. They contain none of its values. */
function explainMessage(section: GenericSettings, request: HttpRequest): readonly string[] {
  const settings = resolveSettings(section);
  return [
    ...explainOrders(settings, request).lines,
    ...(settings.isPullOnly ? [] : replyLines(section)),
    ...pullLines(settings),
    ...callbackLines(settings),
  ];
}

/** Returns how many orders a body has, and lines about the first ones. They contain none of its values. */
export function explainOrders(
  settings: ResolvedSettings,
  request: HttpRequest,
): { readonly count: number; readonly lines: readonly string[] } {
  const messages = messagesOf(settings, request);
  const lines = messages
    .slice(0, maxExplained)
    .flatMap((message, at) => [
      ...(settings.each === undefined ? [] : [`order ${at + 1} of ${messages.length}`]),
      ...explainOrder(message, settings),
    ]);
  return { count: messages.length, lines };
}

/** Returns no orders for a body that cannot be read; the result says why. */
function messagesOf(settings: ResolvedSettings, request: HttpRequest): readonly Message[] {
  try {
    const body = parseStrictJson(request.rawBody);
    return entriesOf(body, settings.each).map(entry => ({ request, body, entry }));
  } catch {
    return [];
  }
}

function explainOrder(message: Message, settings: ResolvedSettings): readonly string[] {
  const index = matchingRuleIndex(message, settings);
  const rule = settings.rules[index];
  if (rule === undefined)
    return [
      `rule: none of ${settings.rules.length} matches: ${otherwiseFor(message, settings)}`,
      ...ruleLines(message, settings),
    ];
  const head = `rule: ${index + 1} of ${settings.rules.length} matches: ${rule.do}`;
  return rule.do === 'erase' ? [head, ...placeLines(message, settings)] : [head];
}

/** For each rule, the places that do not have one of its values. */
function ruleLines(message: Message, { rules }: ResolvedSettings): readonly string[] {
  return rules.map(({ when }, at) => `  rule ${at + 1}: not as required: ${unmetPlaces(when, message).join(', ')}`);
}

function placeLines(message: Message, settings: ResolvedSettings): readonly string[] {
  const time = (key: 'submittedAt' | 'dueAt') => {
    const place = settings[key];
    return place === undefined ? [] : [[key, place.at] as const];
  };
  const places = [
    ...[settings.reference].flat().map(place => ['reference', place] as const),
    ...settings.identifiers.flatMap(sourcePlaces),
    ...time('submittedAt'),
    ...time('dueAt'),
    ...(settings.test === undefined ? [] : [['test', settings.test] as const]),
  ];
  return places.map(
    ([what, place]) => `  ${what}: ${place === '' ? 'body' : place}: ${found(valueAtPlace(place, message))}`,
  );
}

function sourcePlaces(source: ResolvedSettings['identifiers'][number]): readonly (readonly [string, string])[] {
  if ('list' in source && 'value' in source) return [['identifiers', String(source.list)]];
  return Object.entries(source).map(([place, kind]) => [String(kind), place] as const);
}

/** Says what is at a place without its value. */
function found(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'missing';
  return Array.isArray(value) ? `a list of ${value.length}` : `found, ${typeof value}`;
}

const outcomes = [
  'erased',
  'no_match',
  'not_identifiable',
  'refused',
  'in_progress',
  'needs_review',
  'ignored',
  'test',
] as const;

function replyLines({ answers }: GenericSettings): readonly string[] {
  const { describe } = compileReplies(answers);
  const texts = outcomes.map(outcome => {
    const { status, isDefault } = describe(outcome);
    return `${outcome} ${status}${isDefault ? ' (default)' : ''}`;
  });
  return [`replies: ${texts.join(', ')}`];
}

function pullLines({ pull }: ResolvedSettings): readonly string[] {
  if (pull === undefined) return [];
  return [`pull: every ${pull.everyMinutes} minutes, ${pull.method} to ${pull.url}, at most ${pull.maxPages} pages`];
}

function callbackLines({ callback }: ResolvedSettings): readonly string[] {
  if (callback === undefined) return ['callback: none'];
  const to = callback.url ?? `the URL at ${callback.urls}`;
  const bodies = callback.bodies === undefined ? 'every outcome' : Object.keys(callback.bodies).join(', ');
  return [`callback: ${callback.when}, ${callback.method} to ${to}, for ${bodies}`];
}
