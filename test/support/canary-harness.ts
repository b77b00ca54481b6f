import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { leaks, Planted } from './canary.ts';
import type { Answer, Wire } from './event.ts';
import type { Harness, HarnessOptions } from './harness.ts';
import { deleteRequest, ketchHarness, ketchSecretText, ketchWire } from './ketch.ts';
import { temporaryFolder } from './local-process.ts';

/** A harness in which every secret is a token, and the messages that carry one in every field. */
export interface CanaryHarness {
  readonly harness: Harness;
  readonly planted: Planted;
  /** A genuine message; `change` gets the body before it is sent. */
  readonly wire: (request?: object, envelope?: object, headers?: Wire['headers']) => Wire;
  send(wire: Wire): Promise<Answer>;
  /** Everything that anybody may ever read: answers, log and the stored receipts. */
  shown(): Readonly<Record<string, string>>;
  /** The rows of what is kept apart while a receipt is open. */
  identifiers(): readonly unknown[];
}

export async function canaryHarness(
  options: Partial<Omit<HarnessOptions, 'platforms'>> & { section?: Readonly<Record<string, unknown>> } = {},
): Promise<CanaryHarness> {
  const planted = new Planted();
  const secret = `Bearer ${planted.token('secret in use')}`;
  const file = join(temporaryFolder(), 'erasure.sqlite');
  const key = { appId: planted.token('app id'), appToken: planted.token('app token') };
  const harness = ketchHarness({
    file,
    ...options,
    secrets: {
      'erasure/platform/ketch': ketchSecretText(secret, `Bearer ${planted.token('secret before')}`),
      'erasure/pepper': planted.token('pepper one') + planted.token('pepper two'),
      'erasure/voucherify/main': JSON.stringify(key),
      ...options.secrets,
    },
  });
  harness.sandbox.addKey({ ...key, project: 'main' });
  const answers: Answer[] = [];
  return {
    harness,
    planted,
    wire: (request = {}, envelope = {}, headers = {}) =>
      ketchWire(everything(planted, request, envelope), {
        ...strangeHeaders(planted),
        Authorization: secret,
        ...headers,
      }),
    send: async wire => {
      const answer = await harness.send(wire);
      answers.push(answer);
      return answer;
    },
    shown: () => ({
      answers: JSON.stringify(answers),
      log: harness.logText.join(''),
      receipts: JSON.stringify(['receipts', 'subjects', 'control'].flatMap(table => rows(file, table))),
    }),
    identifiers: () => [...rows(file, 'personal_data'), ...rows(file, 'pins')],
  };
}

/** A request with a token in every field that may hold one. */
export function everything(planted: Planted, request: object, envelope: object): object {
  const at = (name: string) => planted.token(`field ${name}`);
  const all = {
    controller: at('controller'),
    property: at('property'),
    regulation: at('regulation'),
    jurisdiction: at('jurisdiction'),
    identities: [
      { identitySpace: 'account_id', identityFormat: 'raw', identityValue: at('source id') },
      { identitySpace: 'email', identityValue: `${at('mailbox')}+x@${at('domain')}.example` },
      { identitySpace: 'phone', identityValue: `+${at('phone')}` },
      { identitySpace: 'email', identityFormat: 'md5', identityValue: at('hash') },
      { identitySpace: at('space'), identityFormat: at('format'), identityValue: at('unmapped') },
    ],
    callbacks: [
      {
        url: `https://dsr.ketch.com/${at('callback path')}?a=${at('callback query')}`,
        headers: { Authorization: `Bearer ${at('callback secret')}`, [`X-${at('callback header')}`]: 'x' },
      },
    ],
    subject: {
      email: `${at('subject')}@example.com`,
      firstName: at('first name'),
      lastName: at('last name'),
      formData: { [at('form field')]: at('form value') },
    },
    context: { [at('context field')]: at('context value') },
    [at('unknown field')]: at('unknown value'),
    ...request,
  };
  return deleteRequest(all, { [at('outer field')]: at('outer value'), ...envelope });
}

export function strangeHeaders(planted: Planted): Wire['headers'] {
  return {
    Accept: `application/json, text/${planted.token('header accept')}`,
    'User-Agent': planted.token('header agent'),
    Cookie: `a=${planted.token('header cookie')}`,
    [`X-${planted.token('header name')}`]: planted.token('header value'),
  };
}

function rows(file: string, table: string): readonly unknown[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(`SELECT * FROM ${table}`).all();
  } finally {
    database.close();
  }
}

/** Asserts that no token shows anywhere. */
export function expectSilence({ planted, shown }: CanaryHarness): void {
  expect(planted.tokens.size).toBeGreaterThan(30);
  expect(leaks(planted.tokens, shown())).toEqual([]);
}
