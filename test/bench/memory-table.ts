/*
 * DynamoDB's tables in memory, for measurements in which no emulator may be the bottleneck. Conditions, updates and
 * transactions are evaluated as DynamoDB does, as far as the webhook uses them; anything else throws.
 */
import * as v from 'valibot';

type Value = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, Value>>;

const item = v.record(v.string(), v.record(v.string(), v.unknown()));
const action = v.object({
  TableName: v.string(),
  Key: v.optional(item),
  Item: v.optional(item),
  UpdateExpression: v.optional(v.string()),
  ConditionExpression: v.optional(v.string()),
  ExpressionAttributeNames: v.optional(v.record(v.string(), v.string()), {}),
  ExpressionAttributeValues: v.optional(item, {}),
});
type Action = v.InferOutput<typeof action>;
const transaction = v.object({ TransactItems: v.array(v.record(v.string(), action)) });
const keys = v.object({ RequestItems: v.record(v.string(), v.looseObject({ Keys: v.array(item) })) });

/** An answer of DynamoDB: a status and the content of the body. */
export interface Answered {
  readonly status: number;
  readonly body: unknown;
}

/** Opens empty tables. Returns the function that answers one operation; it changes nothing if a condition fails. */
export function openMemoryTables(): (operation: string, input: unknown) => Answered {
  const rows = new Map<string, Item>();
  const read = (TableName: string, key: Item) => rows.get(rowId(TableName, key));
  const write = (one: Action) => {
    const next = written(one, read(one.TableName, keyOf(one)));
    if (next === undefined) rows.delete(rowId(one.TableName, keyOf(one)));
    else rows.set(rowId(one.TableName, keyOf(one)), next);
    return next;
  };
  const holds = (one: Action) => meets(one, read(one.TableName, keyOf(one)));
  return (operation, input) => {
    if (operation === 'BatchGetItem') return { status: 200, body: batch(v.parse(keys, input).RequestItems, read) };
    if (operation === 'TransactWriteItems') {
      const actions = v.parse(transaction, input).TransactItems.flatMap(one => Object.values(one));
      if (!actions.every(holds)) return { status: 400, body: canceled(actions, holds, read) };
      for (const one of actions) write(one);
      return { status: 200, body: {} };
    }
    const one = v.parse(action, input);
    if (operation === 'GetItem') return { status: 200, body: { Item: read(one.TableName, keyOf(one)) } };
    if (operation !== 'PutItem' && operation !== 'UpdateItem') throw new Error(`${operation} is not known here`);
    const before = read(one.TableName, keyOf(one));
    if (!holds(one)) return { status: 400, body: { __type: failedCondition, message: 'failed', Item: before } };
    return { status: 200, body: { Attributes: write(one) } };
  };
}

const failedCondition = 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException';

type Read = (table: string, key: Item) => Item | undefined;

function batch(requested: v.InferOutput<typeof keys>['RequestItems'], read: Read) {
  const found = Object.entries(requested).map(([table, { Keys }]) => [
    table,
    Keys.flatMap(key => read(table, key) ?? []),
  ]);
  return { Responses: Object.fromEntries(found), UnprocessedKeys: {} };
}

function canceled(actions: readonly Action[], holds: (one: Action) => boolean, read: Read) {
  const CancellationReasons = actions.map(one =>
    holds(one) ? { Code: 'None' } : { Code: 'ConditionalCheckFailed', Item: read(one.TableName, keyOf(one)) },
  );
  const __type = 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException';
  return { __type, message: 'canceled', CancellationReasons };
}

function keyOf({ Key, Item: { pk, sk } = {} }: Action): Item {
  return Key ?? { ...(pk && { pk }), ...(sk && { sk }) };
}

function rowId(table: string, { pk, sk }: Item): string {
  return JSON.stringify([table, pk, sk]);
}

/** Returns the item after the write; `undefined` after a deletion. */
function written(one: Action, before: Item | undefined): Item | undefined {
  if (one.Item !== undefined) return one.Item;
  if (one.UpdateExpression === undefined) return undefined;
  const next: Record<string, Value> = { ...before, ...keyOf(one) };
  const clauses = one.UpdateExpression.split(/\b(SET|REMOVE|ADD)\b/).slice(1);
  for (let at = 0; at < clauses.length; at += 2)
    for (const part of (clauses[at + 1] ?? '').split(',')) change(next, clauses[at] ?? '', part.trim(), one);
  return next;
}

function change(next: Record<string, Value>, clause: string, part: string, one: Action): void {
  const [target = '', source = ''] = part.split(clause === 'SET' ? /\s*=\s*/ : /\s+/);
  const name = nameOf(target, one);
  const terms = source.split(/\s*\+\s*/).map(term => operand(term, next, one));
  if (clause === 'REMOVE') delete next[name];
  else if (clause === 'ADD') next[name] = sum([next[name], ...terms]);
  else if (terms.length > 1) next[name] = sum(terms);
  else if (terms[0] === undefined) throw new Error(`${part} is not known here`);
  else next[name] = terms[0];
}

function sum(terms: readonly (Value | undefined)[]): Value {
  return { N: String(terms.reduce((total, term) => total + Number(term?.['N'] ?? 0), 0)) };
}

function nameOf(text: string, { ExpressionAttributeNames: names }: Action): string {
  return names[text] ?? text;
}

function operand(text: string, row: Item | undefined, one: Action): Value | undefined {
  return text.startsWith(':') ? one.ExpressionAttributeValues[text] : row?.[nameOf(text, one)];
}

/** Evaluates a condition: comparisons and `attribute_not_exists`, with AND, OR and parentheses around an OR. */
function meets(one: Action, row: Item | undefined): boolean {
  const { ConditionExpression: condition } = one;
  if (condition === undefined) return true;
  const parts = condition.split(/ AND (?![^(]* OR [^(]*\))/);
  return parts.every(part =>
    part
      .replace(/^\((.*)\)$/, '$1')
      .split(' OR ')
      .some(test => meetsOne(test, one, row)),
  );
}

function meetsOne(test: string, one: Action, row: Item | undefined): boolean {
  const absent = /^attribute_not_exists\((\S+)\)$/.exec(test)?.[1];
  if (absent !== undefined) return row?.[nameOf(absent, one)] === undefined;
  const [, left = '', operator, right = ''] = /^(\S+) (=|>|<=) (\S+)$/.exec(test) ?? [];
  const [a, b] = [operand(left, row, one), operand(right, row, one)];
  if (operator === undefined) throw new Error(`${test} is not known here`);
  if (a === undefined || b === undefined) return false;
  if (operator === '=') return JSON.stringify(a) === JSON.stringify(b);
  return operator === '>' ? Number(a['N']) > Number(b['N']) : Number(a['N']) <= Number(b['N']);
}
