import type { HttpRequest } from '../../../lambda/domain/http.ts';
import { parseStrictJson } from '../../../lambda/io/json.ts';
import { matchingRuleIndex, otherwiseFor, unmetPlaces } from '../../../lambda/platforms/generic/identifiers.ts';
import { entriesOf } from '../../../lambda/platforms/generic/orders.ts';
import { type Message, valueAtPlace } from '../../../lambda/platforms/generic/places.ts';
import { compileReplies } from '../../../lambda/platforms/generic/replies.ts';
import type { GenericSettings } from '../../../lambda/platforms/generic/schema.ts';
import { type ResolvedSettings, resolveSettings } from '../../../lambda/platforms/generic/schema.ts';

/** At most so many orders of a list are explained one by one. */
const maxExplained = 5;

/** Returns lines about the rule, the places, the replies and the callback of a message. They contain none of its values. */
export function explainMessage(section: GenericSettings, request: HttpRequest): readonly string[] {
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
