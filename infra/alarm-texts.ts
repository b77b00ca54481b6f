import type { Alarm } from '../lambda/failure.ts';

/** Who is hurt, in one sentence for whoever is woken; the key is the section of RUNBOOK.md. */
export const byCode = {
  'secret-unusable':
    'Erasure requests are answered 503: a secret is missing, malformed or still the placeholder that the stack put in.',
  'pepper-unusable': 'Every erasure request is answered 503: the pepper is missing or too short.',
  'payload-mismatch':
    'A platform sent one request id with two contents; the person of the second one is not being erased.',
  'callback-origin-refused':
    'A platform will not hear the result of an erasure: its callback address is not in the settings.',
  'needs-human': 'The erasure of a person has stopped and goes on only when somebody decides.',
  'wrong-customer-deleted':
    'Voucherify may have deleted somebody else: its answer names another customer than the one that was to be erased.',
  'voucherify-refuses-the-key': 'Nobody is being erased in a project: Voucherify refuses its key.',
  'voucherify-quota-exhausted':
    "Nobody is being erased in a project and the shop's own calls may fail: Voucherify's quota is used up.",
  'platform-paused':
    'Requests of a platform are accepted and nobody is erased: it was paused, by a person or for sending too many.',
  'callback-given-up': 'A platform will never hear the result of an erasure: its callback failed for too long.',
  'store-unavailable': 'Erasure requests are answered 503: the receipts table cannot be read or written.',
  'unproven-answer':
    'Nobody knows whether a person was erased: Voucherify answered a deletion with 200 and proved nothing.',
  'evidence-unsigned': 'An erasure cannot be proved to anybody else: its closed receipt could not be signed.',
  internal: 'An erasure met an error of ours that nobody foresaw.',
} as const satisfies Record<Alarm, string>;

/** Alarms that stand on numbers, not on a single line of a log. */
export const byNumber = {
  'waiting-for-a-person': 'At least one person waits for erasure until somebody decides; this stands until it is done.',
  'sweep-stopped': 'Open erasures are not worked on: no sweep has ended for five minutes.',
  'oldest-open-half': 'A person has waited for erasure for half of the month that the law allows.',
  'oldest-open-late': 'A person has waited for erasure for four fifths of the month that the law allows.',
  'webhook-errors': 'A platform got no answer of ours: the webhook function crashed or ran out of time.',
  'webhook-throttled': 'Platforms are turned away: Lambda has no room for the webhook function.',
  'sweeper-errors': 'Open erasures are worked on with gaps: the sweep failed three times in five minutes.',
  'sweeper-throttled': 'Open erasures are worked on with gaps: Lambda has no room for the sweep.',
  'api-5xx': 'A platform was answered 5xx; if it does not send again, a person is not erased.',
  'receipts-throttled': 'Erasure requests may be answered 503: DynamoDB turns calls to the receipts table away.',
  'identifiers-throttled': 'Erasure requests may be answered 503: DynamoDB turns calls to the identifiers table away.',
} as const;

export type NumberAlarm = keyof typeof byNumber;
