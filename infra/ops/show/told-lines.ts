import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { oneLine } from '../output.ts';

/** Why a person was asked, and what operators decided; their words are kept on one line. */
export function whyLines({ reason, decisions }: Evidence): readonly string[] {
  const asked = reason === undefined ? [] : [`it asked for a person: ${reason}`];
  const decided = decisions.map(({ at, by, what, why, about, mostCustomers }) => {
    const most = mostCustomers === undefined ? '' : `, of at most ${mostCustomers} customers a project`;
    const then = about === undefined ? '' : `, after ${about}`;
    return oneLine(`${at}  ${what}${most} by ${by}${then}: ${why}`);
  });
  const lines = [...asked, ...decided];
  return lines.length === 0 ? ['it was not refused, and no person was asked'] : lines;
}

/** Which recipients heard of the end. */
export function toldLines({ platform, answer, callbacks, closedAt }: Evidence): readonly string[] {
  if (callbacks === undefined) {
    if (answer.as === 'outcome') return [`${platform}, by the answer above`];
    if (closedAt === undefined) return ['nobody yet'];
    return [`no callback was made; ${platform} hears the outcome when it sends its request again`];
  }
  const { taken, refused, tries, at } = callbacks;
  const ended = at === undefined ? 'it goes on' : `it ended at ${at}`;
  return [
    `${platform}, by callbacks: ${taken} taken, ${refused} refused, in ${tries === 1 ? 'one try' : `${tries} tries`}; ${ended}`,
  ];
}
