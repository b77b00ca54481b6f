import type { Alarm } from '../lambda/failure.ts';

/** Who is hurt, in one sentence for whoever is woken; the key names the alarm and its section of RUNBOOK.md. */
export const texts = {
  'oldest-open-half': 'A person has waited for erasure for half of the time that the law allows.',
  'oldest-open-late': 'A person has waited for erasure for four fifths of the time that the law allows.',
  'needs-human': 'At least one person is not erased until somebody decides; this stands until it is done.',
  'wrong-customer-deleted':
    'Voucherify may have deleted somebody else: its answer names another customer than the one that was to be erased.',
  'voucherify-refuses-us':
    "Nobody is being erased in a project: Voucherify refuses its key, or the quota is used up and the shop's own calls fail too.",
  'sweep-stopped': 'Open erasures are not worked on and nobody is called back: no sweep has ended for five minutes.',
  'unproven-answers': 'Nobody can tell whether a person was found or erased: an answer of Voucherify proved nothing.',
  paused: 'Requests are accepted and nobody is erased: a pause stands, by a person or for too many requests at once.',
  'no-match-rate':
    'Persons may be told that they are unknown and stay in Voucherify: far more requests than usual find nobody.',
  'platforms-turned-away':
    'Platforms are turned away, or erasures stand still: we refuse a request, or a secret, the store, Lambda or our own code fails.',
  'platform-not-told':
    'A platform believes something else than what happened: it must be talked to, or a person is not erased or not told.',
  'evidence-unsigned': 'An erasure cannot be proved to anybody else: its closed receipt could not be signed.',
} as const;

export type AlarmName = keyof typeof texts;

/** The alarm that a code of a log line raises: a code that raises none does not compile. */
export const raisedBy: Readonly<Record<Alarm, AlarmName>> = {
  'needs-human': 'needs-human',
  'wrong-customer-deleted': 'wrong-customer-deleted',
  'voucherify-refuses-the-key': 'voucherify-refuses-us',
  'voucherify-quota-exhausted': 'voucherify-refuses-us',
  'unproven-answer': 'unproven-answers',
  'platform-paused': 'paused',
  'secret-unusable': 'platforms-turned-away',
  'pepper-unusable': 'platforms-turned-away',
  'store-unavailable': 'platforms-turned-away',
  internal: 'platforms-turned-away',
  'request-refused': 'platforms-turned-away',
  'payload-mismatch': 'platform-not-told',
  'repeated-redaction': 'platform-not-told',
  'callback-origin-refused': 'platform-not-told',
  'callbacks-dropped': 'platform-not-told',
  'callback-given-up': 'platform-not-told',
  'evidence-unsigned': 'evidence-unsigned',
};
