import { manualPlatform } from '../../../lambda/domain/names.ts';
import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { withdrawnReason } from '../../../lambda/receipts/receipt.ts';
import { oneLine } from '../terminal.ts';

export interface AuditSection {
  readonly heading: string;
  readonly lines: readonly string[];
}

/**
 * Returns evidence as text: the answers that an audit needs (GDPR, Articles 5(2), 12(3), 17 and 19; CCPA regulations,
 * section 7101), and the places that this service cannot reach.
 */
export function auditAnswers(evidence: Evidence): readonly AuditSection[] {
  return [
    { heading: 'When was it received?', lines: receivedLines(evidence) },
    { heading: 'How did it arrive, and how was the sender authenticated?', lines: channelLines(evidence) },
    { heading: 'What was requested?', lines: requestLines(evidence) },
    { heading: 'When was it answered, and how?', lines: replyLines(evidence) },
    { heading: 'What was done, and where?', lines: doneLines(evidence) },
    { heading: 'What is the proof?', lines: sureLines(evidence) },
    { heading: 'Was the customer gone afterwards?', lines: verificationLines(evidence) },
    { heading: 'Why was it refused or reviewed?', lines: reasonLines(evidence) },
    { heading: 'Who was notified?', lines: notificationLines(evidence) },
    { heading: 'Where can data remain?', lines: remainderLines(evidence) },
  ];
}

function receivedLines({ request, platform }: Evidence): readonly string[] {
  const due = request.dueAt === undefined ? 'none given; the legal default of one month applies' : request.dueAt;
  return [
    `${request.receivedAt}`,
    request.submittedAt === undefined
      ? `${senderName(platform)} did not state when the person made the request; due date: ${due}`
      : `request made at ${request.submittedAt}, as stated by ${senderName(platform)}; due date: ${due}`,
  ];
}

function senderName(platform: string): string {
  return platform === manualPlatform ? 'the operator' : platform;
}

function channelLines({ platform, reference, authentication, decisions }: Evidence): readonly string[] {
  const id =
    reference === undefined ? 'its request id is not a UUID and was not stored' : `its request id: ${reference}`;
  const [asked] = decisions;
  if (platform === manualPlatform && asked !== undefined)
    return [
      oneLine(`by hand, by the operator ${asked.actor}: ${asked.reason}`),
      `their account was checked by AWS (IAM); ${id}`,
    ];
  const { scheme, secret } = authentication;
  return [`the webhook of ${platform}; ${id}`, `the sender proved who it is (${scheme}), with the ${secret} secret`];
}

function requestLines({ request }: Evidence): readonly string[] {
  const { length } = request.subjectHmacs;
  const { notLookedUp = [] } = request;
  return [
    `${request.what} of one person with ${length === 1 ? 'one identifier' : `${length} identifiers`}`,
    'the identifiers are not stored, only keyed hashes (HMACs) of them, by which "find" finds this receipt',
    ...(notLookedUp.length === 0 ? [] : [`${notLookedUpText} ${notLookedUp.join(', ')}`]),
  ];
}

/** Precedes the kinds of identifiers for which Voucherify has no look-up, or whose value was malformed or a hash. */
export const notLookedUpText = 'could not be looked up (a phone number, a hash or a malformed value):';

const firstAnswers = {
  outcome: 'with the outcome',
  'in-progress': 'that it was in progress',
  'send-again': 'with an error (503): the platform was to send the request again, because it was not finished',
  accepted: 'that it was accepted: this platform takes no result in the reply',
} as const satisfies Readonly<Record<Evidence['firstReply']['as'], string>>;

function replyLines({ firstReply, outcome, closedAt }: Evidence): readonly string[] {
  const ended = closedAt === undefined ? `not finished: ${outcome}` : `closed at ${closedAt}: ${outcome}`;
  return [`at ${firstReply.at}, ${firstAnswers[firstReply.as]}`, ended];
}

/** Returns whether an operator accepted that not everything was completed. The outcome may be `erased` all the same. */
export function isPartialResult({ outcome, decisions }: Pick<Evidence, 'outcome' | 'decisions'>): boolean {
  return outcome !== 'refused' && decisions.some(({ action }) => action === 'accept-partial');
}

function remainderLines({ notCounted }: Evidence): readonly string[] {
  return notCounted === undefined ? elsewhere : [notCountedText(notCounted), otherSystems];
}

const otherSystems = 'other systems that received data from Voucherify or the shop; they can create the customer again';

const elsewhere = [
  'Voucherify’s audit log: the customer’s id, for 6 or 12 months, depending on the plan',
  'Voucherify’s exports made before the erasure, files of background tasks, sent webhooks, and backups until they expire',
  otherSystems,
] as const;

type Project = Evidence['projects'][string];
type Deletion = Project['deletions'][number];

/** Returns the outcome and the deletions of each Voucherify project. */
function doneLines({ projects, outcome, closedAt, decisions }: Evidence): readonly string[] {
  const isPartial = closedAt !== undefined && isPartialResult({ outcome, decisions });
  const notDone = isPartial ? 'not completed: an operator accepted the partial result' : 'not completed: refused';
  const of = (project: Project) =>
    project.outcome === 'open' && (isPartial || outcome === 'refused') ? notDone : outcomes[project.outcome];
  return Object.entries(projects).flatMap(([name, project]) => [
    `project ${name}: ${of(project)}${customersText(project)}`,
    ...(project.residue === undefined ? [] : [`  ${residueText(project.residue)}`]),
    ...project.deletions.map(deletion => `  ${deletionText(deletion)}`),
  ]);
}

const outcomes = {
  open: 'not finished',
  erased: 'erased',
  'no-match': 'no match for these identifiers, so nothing was deleted',
  'created-later': 'every customer found was created after the request, so nothing was deleted',
  'not-identifiable': 'none of these identifiers can be looked up in Voucherify, so nothing was deleted',
} as const satisfies Readonly<Record<Project['outcome'], string>>;

function customersText({ customers, createdLater }: Project): string {
  if (createdLater !== undefined) return `; customers created later: ${createdLater}`;
  if (customers === 0) return '';
  return `; ${customers === 1 ? 'one customer' : `${customers} customers`} found for deletion`;
}

function deletionText({ proof, at, voucherify }: Deletion): string {
  if (voucherify === undefined) return `${proof} at ${at}`;
  const { id = 'without an id', status, data_json } = voucherify;
  const counts = Object.entries(data_json).map(([what, count]) => `${what} ${count}`);
  return oneLine(`${proof} at ${at}: Voucherify’s deletion ${id}, ${status}; ${counts.join(', ')}`);
}

/** Explains the kinds of proof that occur. */
function sureLines({ projects, closedAt }: Evidence): readonly string[] {
  const all = Object.values(projects).flatMap(({ deletions }) => deletions);
  const count = (grade: Deletion['proof']) => all.filter(({ proof }) => proof === grade).length;
  const unproven = Object.entries(projects).filter(([, project]) => project.unproven);
  const lines = [
    ...proofLine(
      'deleted',
      count('deleted'),
      'Voucherify returned the record of the completed deletion of this customer',
    ),
    ...proofLine(
      'gone',
      count('gone'),
      'Voucherify answered that the customer found before does not exist any more (404)',
    ),
    ...unproven.map(([name]) => `project ${name}: a deletion was sent, but its effect is not proved`),
  ];
  const refused = Object.entries(projects).flatMap(([name, { refusedLookUps: codes = [] }]) =>
    codes.length === 0
      ? []
      : [`project ${name}: Voucherify refused ${codes.length} look-ups (${codes.join(', ')}); a customer may remain`],
  );
  if (lines.length > 0) return [...lines, ...refused];
  return [
    closedAt === undefined ? 'not finished: nothing is deleted yet' : 'nothing was deleted, so no proof is needed',
    ...refused,
  ];
}

function verificationLines({ verification, outcome, closedAt, projects }: Evidence): readonly string[] {
  if (verification !== undefined) return [`${verification.at}  ${verified[verification.result]}`];
  if (Object.values(projects).every(({ deletions }) => deletions.length === 0)) return ['nothing was deleted'];
  return [closedAt === undefined ? `not finished: ${outcome}` : 'not looked at again yet'];
}

const verified = {
  absent:
    'absent: Voucherify answered that each deleted customer does not exist (404), at least a minute after the deletion',
  stillPresent: 'STILL PRESENT: Voucherify returned a deleted customer an hour or more after the deletion',
  unavailable: 'unavailable: the deleted customers could not be looked up for a day or more, or their ids were lost',
} as const satisfies Readonly<Record<NonNullable<Evidence['verification']>['result'], string>>;

function proofLine(grade: string, count: number, meaning: string): readonly string[] {
  return count === 0 ? [] : [`${grade} (${count}): ${meaning}`];
}

/** Returns why a review was needed and what operators decided, each on one line. */
function reasonLines({ reason, decisions, legalHolds = [] }: Evidence): readonly string[] {
  const review = reason === undefined || reason === withdrawnReason ? [] : [`review: ${reason}`];
  const later = decisions.filter(({ action }) => action !== 'erase');
  const decided = later.map(({ at, actor, action, reason, reviewReason, maxCustomers, sameProject }) => {
    const most = maxCustomers === undefined ? '' : `, of at most ${maxCustomers} customers a project`;
    const then = reviewReason === undefined ? '' : `, after ${reviewReason}`;
    const key = sameProject === undefined ? '' : `, with another key of the same project`;
    return oneLine(`${at}  ${action}${most}${key} by ${actor}${then}: ${reason}`);
  });
  const holds = legalHolds.map(({ hold, from, to }) => {
    const end = to === undefined ? 'in effect when this was written' : `until ${to}`;
    return `${from}  not erased because of legal hold ${hold}, ${end}`;
  });
  const lines = [...review, ...holds, ...decided];
  return lines.length === 0 ? ['not refused, and no review was needed'] : lines;
}

/** Returns who was notified of the outcome. */
export function notificationLines({ platform, firstReply, callbacks, closedAt }: Evidence): readonly string[] {
  if (callbacks === undefined) {
    if (firstReply.as === 'outcome') return [`${senderName(platform)}, by the reply above`];
    if (closedAt === undefined) return ['no one yet'];
    if (platform === manualPlatform) return ['no one: the operator reads the outcome with this tool'];
    return [`no callback was sent; ${platform} gets the outcome when it repeats the request`];
  }
  const { taken, refused, tries, at } = callbacks;
  const ended = at === undefined ? 'not finished' : `finished at ${at}`;
  return [
    `${platform}, by callbacks: ${taken} delivered, ${refused} rejected, in ${tries === 1 ? 'one try' : `${tries} tries`}; ${ended}`,
  ];
}

type Residue = NonNullable<Evidence['projects'][string]['residue']>;
type Count = Residue['before'][string] | undefined;

/** Returns what Voucherify listed for the customers of a project before the deletion and after it. */
function residueText({ before, after }: Residue): string {
  const kinds = Object.keys(before).map(
    kind => `${kind} ${countsText(before[kind], after?.[kind], after !== undefined)}`,
  );
  return oneLine(`listed before the deletion, then after it: ${kinds.join('; ')}`);
}

function countsText(before: Count, after: Count, isCounted: boolean): string {
  if (isCounted && before === after && typeof before === 'string') return countText(before);
  if (!isCounted) return `${countText(before)}, then not counted yet`;
  return `${countText(before)}, then ${after === 0 ? 'not listed any more' : countText(after)}`;
}

function countText(count: Count): string {
  if (typeof count === 'number') return String(count);
  return `cannot be counted (${count === undefined ? 'unknown' : (reasons[count] ?? count)})`;
}

/** What a code means, if its word does not say it. */
const reasons: Readonly<Record<string, string>> = {
  'platform-waits': 'deleted at once',
  'erasures-wait': 'other erasures waited',
  'no-total': 'no total',
  'rate-limited': 'no spare calls',
  'out-of-time': 'no time',
  'token-400': 'scopes refused',
};

/** Returns what has no count, with the page that says so. Names each page once. */
function notCountedText(notCounted: NonNullable<Evidence['notCounted']>): string {
  const pages = [...new Set(Object.values(notCounted))];
  const of = (page: string) => Object.keys(notCounted).filter(what => notCounted[what] === page);
  return oneLine(`cannot be counted: ${pages.map(page => `${of(page).join(', ')} (${page})`).join('; ')}`);
}
