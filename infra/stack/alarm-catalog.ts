import type { Alarm } from '../../lambda/domain/failure.ts';

/** Who is affected, in one sentence for the on-call. The key names the alarm and its section of RUNBOOK.md. */
export const alarmTexts = {
  'deadline-half-used': 'A person waits for erasure: half of the legal deadline has passed.',
  'deadline-nearly-used': 'A person waits for erasure: four fifths of the legal deadline have passed.',
  'needs-review': 'At least one person is not erased until an operator reviews the request.',
  'wrong-customer-deleted':
    'Voucherify may have deleted the wrong person: its response names another customer than the one to erase.',
  'voucherify-unavailable':
    "No person is erased in a project: Voucherify rejects its key, cannot be reached, or the quota is used up and the shop's own calls fail too.",
  'sweep-stopped':
    'Persons with open requests are not erased and platforms get no callbacks: no sweep has finished for five minutes.',
  'unproven-responses':
    'It is unknown whether a person was found or erased: a response from Voucherify is not valid proof.',
  paused:
    'Requests are accepted but not carried out in a paused scope (everything, a platform or a project): an operator or the hourly request limit has paused it.',
  'no-match-rate':
    'Persons may stay in Voucherify although the reply was "no match": far more requests than usual match no customer.',
  'requests-rejected':
    'Platforms get errors or erasures are delayed: a request was rejected, or a secret, the store or a function failed.',
  'platform-out-of-sync':
    'A person may not be erased or not informed: a platform has another state than this service and must be contacted.',
  'evidence-unsigned':
    'The shop cannot prove an erasure to third parties: evidence has waited for its signature for an hour.',
  'erased-person-still-present':
    'A person was reported as erased and is still in Voucherify: it returns them an hour after their deletion.',
  'erased-person-reappeared':
    'A person who was erased is in Voucherify again: they came back themselves, or another system created them again.',
  'customer-events-lost':
    'It may stay unnoticed that an erased person came back: events of Voucherify are refused, or none has arrived.',
} as const;

export type AlarmName = keyof typeof alarmTexts;

/** The alarm that each alarm code of a log line raises. A code without an alarm does not compile. */
export const alarmFor: Readonly<Record<Alarm, AlarmName>> = {
  'needs-review': 'needs-review',
  'wrong-customer-deleted': 'wrong-customer-deleted',
  'voucherify-key-refused': 'voucherify-unavailable',
  'voucherify-quota-exhausted': 'voucherify-unavailable',
  'voucherify-unreachable': 'voucherify-unavailable',
  'unproven-response': 'unproven-responses',
  'platform-paused': 'paused',
  'secret-unusable': 'requests-rejected',
  'pepper-unusable': 'requests-rejected',
  'store-unavailable': 'requests-rejected',
  internal: 'requests-rejected',
  'request-rejected': 'requests-rejected',
  'payload-mismatch': 'platform-out-of-sync',
  'repeated-redaction': 'platform-out-of-sync',
  'callback-origin-refused': 'platform-out-of-sync',
  'callbacks-dropped': 'platform-out-of-sync',
  'callback-abandoned': 'platform-out-of-sync',
  'platform-unreachable': 'platform-out-of-sync',
  'not-identifiable': 'platform-out-of-sync',
  'created-later': 'platform-out-of-sync',
  'evidence-unsigned': 'evidence-unsigned',
  'erased-person-still-present': 'erased-person-still-present',
  'erased-person-reappeared': 'erased-person-reappeared',
  'event-rejected': 'customer-events-lost',
};

/** Returns the entries of an object with typed keys; `Object.entries` widens them to `string`. */
export function typedEntries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys.map(key => [key, record[key]]);
}
