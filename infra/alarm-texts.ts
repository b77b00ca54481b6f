import type { Alarm } from '../lambda/failure.ts';

/** Who is hurt, in one sentence for whoever is woken; the key names the alarm and its section of RUNBOOK.md. */
export const alarmTexts = {
  'oldest-open-half': 'A person has waited for erasure for half of the time that the law allows.',
  'oldest-open-late': 'A person has waited for erasure for four fifths of the time that the law allows.',
  'needs-review': 'At least one person is not erased until somebody decides; this stands until it is done.',
  'wrong-customer-deleted':
    'Voucherify may have deleted somebody else: its answer names another customer than the one that was to be erased.',
  'voucherify-access-refused':
    "Nobody is being erased in a project: Voucherify refuses its key, or the quota is used up and the shop's own calls fail too.",
  'sweep-stopped': 'Open erasures are not worked on and nobody is called back: no sweep has ended for five minutes.',
  'unproven-responses': 'Nobody can tell whether a person was found or erased: an answer of Voucherify proved nothing.',
  paused: 'Requests are accepted and nobody is erased: a pause stands, by a person or for too many requests at once.',
  'no-match-rate':
    'Persons may be told that they are unknown and stay in Voucherify: far more requests than usual find nobody.',
  'requests-rejected':
    'Platforms are turned away, or erasures stand still: we refuse a request, or a secret, the store, Lambda or our own code fails.',
  'platform-out-of-sync':
    'A platform believes something else than what happened: it must be talked to, or a person is not erased or not told.',
  'evidence-unsigned': 'An erasure cannot be proved to anybody else: its closed receipt could not be signed.',
} as const;

export type AlarmName = keyof typeof alarmTexts;

/** The alarm that a code of a log line raises: a code that raises none does not compile. */
export const alarmFor: Readonly<Record<Alarm, AlarmName>> = {
  'needs-review': 'needs-review',
  'wrong-customer-deleted': 'wrong-customer-deleted',
  'voucherify-key-refused': 'voucherify-access-refused',
  'voucherify-quota-exhausted': 'voucherify-access-refused',
  'unproven-response': 'unproven-responses',
  'platform-paused': 'paused',
  'secret-unusable': 'requests-rejected',
  'pepper-unusable': 'requests-rejected',
  'store-unavailable': 'requests-rejected',
  internal: 'requests-rejected',
  'request-refused': 'requests-rejected',
  'payload-mismatch': 'platform-out-of-sync',
  'repeated-redaction': 'platform-out-of-sync',
  'callback-origin-refused': 'platform-out-of-sync',
  'callbacks-dropped': 'platform-out-of-sync',
  'callback-abandoned': 'platform-out-of-sync',
  'evidence-unsigned': 'evidence-unsigned',
};
