import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { doneLines, sureLines } from './proof-lines.ts';
import { notificationLines, reasonLines } from './told-lines.ts';

export interface AuditSection {
  readonly heading: string;
  readonly lines: readonly string[];
}

/**
 * Evidence for a person: what has to be answered a year later (GDPR, Articles 5(2), 12(3), 17 and 19; CCPA regulations,
 * section 7101), one question at a time, and then what this service cannot reach.
 */
export function auditAnswers(evidence: Evidence): readonly AuditSection[] {
  return [
    { heading: 'When was it received?', lines: receivedLines(evidence) },
    { heading: 'By which channel, and how was the sender proved?', lines: channelLines(evidence) },
    { heading: 'What was asked?', lines: askedLines(evidence) },
    { heading: 'When was it answered, and how?', lines: answeredLines(evidence) },
    { heading: 'What was done, and where?', lines: doneLines(evidence) },
    { heading: 'How sure is that?', lines: sureLines(evidence) },
    { heading: 'Why was it refused, or a person asked?', lines: reasonLines(evidence) },
    { heading: 'Who was told?', lines: notificationLines(evidence) },
    { heading: 'What stays elsewhere', lines: elsewhere },
  ];
}

function receivedLines({ request, platform }: Evidence): readonly string[] {
  const due = request.dueAt === undefined ? 'no other time than the month of the law' : request.dueAt;
  return [
    `${request.receivedAt}`,
    request.submittedAt === undefined
      ? `${platform} did not say when the person asked; it named as due: ${due}`
      : `the person asked by ${request.submittedAt}, as far as ${platform} says; it named as due: ${due}`,
  ];
}

function channelLines({ platform, reference, authentication }: Evidence): readonly string[] {
  const id =
    reference === undefined ? 'its own id of the request is no UUID and is not kept' : `its id is ${reference}`;
  const { scheme, secret } = authentication;
  return [`the webhook of ${platform}; ${id}`, `proved by ${scheme}, with the secret "${secret}"`];
}

function askedLines({ request }: Evidence): readonly string[] {
  const { length } = request.subjectHmacs;
  return [
    `${request.what} of the person who is known by ${length === 1 ? 'one identifier' : `${length} identifiers`}`,
    'the identifiers themselves are not kept: "find" computes their HMACs again and finds this receipt',
  ];
}

const firstAnswers = {
  outcome: 'with the outcome',
  'in-progress': 'that it was in progress',
  accepted: 'that it was accepted: this platform takes no result in the answer',
} as const satisfies Readonly<Record<Evidence['firstReply']['as'], string>>;

function answeredLines({ firstReply, outcome, closedAt }: Evidence): readonly string[] {
  const ended = closedAt === undefined ? `it has not ended yet: ${outcome}` : `it ended at ${closedAt}: ${outcome}`;
  return [`at ${firstReply.at}, ${firstAnswers[firstReply.as]}`, ended];
}

const elsewhere = [
  'Voucherify’s audit log, which names the customer’s id for 6 or 12 months, as the plan has it',
  'exports that were made before, and Voucherify’s backups until they expire',
  'what Voucherify or the shop had sent to other systems; one that still knows the person may create them again',
] as const;
