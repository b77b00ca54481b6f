import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { oneLine } from '../output.ts';

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
