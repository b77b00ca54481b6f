import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { oneLine } from '../terminal.ts';

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

type Project = Evidence['projects'][string];
type Deletion = Project['deletions'][number];

/** What was done in each project of Voucherify, and by which deletion. */
export function doneLines({ projects, outcome }: Evidence): readonly string[] {
  const of = (project: Project) =>
    project.outcome === 'open' && outcome === 'refused' ? notDone : outcomes[project.outcome];
  return Object.entries(projects).flatMap(([name, project]) => [
    `project ${name}: ${of(project)}${pinnedOf(project)}`,
    ...project.deletions.map(deletion => `  ${deletionText(deletion)}`),
  ]);
}

const notDone = 'not carried out to its end: refused';

const outcomes = {
  open: 'not finished',
  erased: 'erased',
  'no-match': 'nobody was found by these identifiers, so nothing was deleted',
  'not-identifiable': 'none of these identifiers can be looked up in Voucherify, so nothing was deleted',
} as const satisfies Readonly<Record<Project['outcome'], string>>;

function pinnedOf({ customers }: Project): string {
  if (customers === 0) return '';
  return `; ${customers === 1 ? 'one customer was' : `${customers} customers were`} found and to be deleted`;
}

function deletionText({ proof, at, voucherify }: Deletion): string {
  if (voucherify === undefined) return `${proof} at ${at}`;
  const { id = 'without an id', status, data_json } = voucherify;
  const counts = Object.entries(data_json).map(([what, count]) => `${what} ${count}`);
  return oneLine(`${proof} at ${at}: Voucherify’s deletion ${id}, ${status}; ${counts.join(', ')}`);
}

/** What the grades of proof mean, of those that occur. */
export function sureLines({ projects }: Evidence): readonly string[] {
  const all = Object.values(projects).flatMap(({ deletions }) => deletions);
  const count = (grade: Deletion['proof']) => all.filter(({ proof }) => proof === grade).length;
  const unproven = Object.entries(projects).filter(([, project]) => project.unproven);
  const lines = [
    ...graded('deleted', count('deleted'), 'Voucherify’s own record of a finished deletion of that very customer'),
    ...graded(
      'gone',
      count('gone'),
      'Voucherify answered 404 for the customer that had been found: there is none left',
    ),
    ...unproven.map(([name]) => `project ${name}: something was posted whose effect nobody has proved`),
  ];
  return lines.length === 0 ? ['nothing was deleted, so there is nothing to prove'] : lines;
}

function graded(grade: string, count: number, meaning: string): readonly string[] {
  return count === 0 ? [] : [`${grade} (${count}): ${meaning}`];
}

/** Why a person was asked, and what operators decided; their words are kept on one line. */
export function reasonLines({ reason, decisions }: Evidence): readonly string[] {
  const asked = reason === undefined ? [] : [`it asked for a person: ${reason}`];
  const decided = decisions.map(({ at, actor, action, reason, reviewReason, maxCustomers }) => {
    const most = maxCustomers === undefined ? '' : `, of at most ${maxCustomers} customers a project`;
    const then = reviewReason === undefined ? '' : `, after ${reviewReason}`;
    return oneLine(`${at}  ${action}${most} by ${actor}${then}: ${reason}`);
  });
  const lines = [...asked, ...decided];
  return lines.length === 0 ? ['it was not refused, and no person was asked'] : lines;
}

/** Which recipients heard of the end. */
export function notificationLines({ platform, firstReply, callbacks, closedAt }: Evidence): readonly string[] {
  if (callbacks === undefined) {
    if (firstReply.as === 'outcome') return [`${platform}, by the answer above`];
    if (closedAt === undefined) return ['nobody yet'];
    return [`no callback was made; ${platform} hears the outcome when it sends its request again`];
  }
  const { taken, refused, tries, at } = callbacks;
  const ended = at === undefined ? 'it goes on' : `it ended at ${at}`;
  return [
    `${platform}, by callbacks: ${taken} taken, ${refused} refused, in ${tries === 1 ? 'one try' : `${tries} tries`}; ${ended}`,
  ];
}
