import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { oneLine } from '../output.ts';

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
