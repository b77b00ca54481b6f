import { describe, expect, test } from 'vitest';
import { toldLines, whyLines } from '../../infra/ops/show/told-lines.ts';
import { type Evidence, evidenceOf } from '../../lambda/receipts/evidence.ts';
import { claimedOnce, now } from '../support/erasing-receipts.ts';

const evidence = evidenceOf(claimedOnce());
const at = new Date(now).toISOString();
const told = (more: Partial<Evidence>) => toldLines({ ...evidence, ...more });

describe('who heard of the end', () => {
  test.each<[Partial<Evidence>, string]>([
    [{ answer: { as: 'outcome', at } }, 'generic, by the answer above'],
    [{}, 'nobody yet'],
    [{ closedAt: at }, 'no callback was made; generic hears the outcome when it sends its request again'],
    [
      { callbacks: { taken: 1, refused: 0, tries: 1, at } },
      `generic, by callbacks: 1 taken, 0 refused, in one try; it ended at ${at}`,
    ],
    [
      { callbacks: { taken: 0, refused: 1, tries: 3 } },
      'generic, by callbacks: 0 taken, 1 refused, in 3 tries; it goes on',
    ],
  ])('is told of %j', (more, line) => {
    expect(told(more)).toEqual([line]);
  });
});

describe('why it was refused, or a person was asked', () => {
  const decision = { at, by: 'ada', what: 'retry', why: 'seen' } as const;
  const why = (more: Partial<Evidence>) => whyLines({ ...evidence, ...more });

  test('is told with every decision, each on a line of its own', () => {
    const about = 'too-many-matches';
    const raised = { ...decision, about, mostCustomers: 9 };
    const moving = { ...decision, what: 'refuse', why: 'line\u001b[2J\none\u202e' } as const;
    expect(why({ reason: about, decisions: [decision, raised, moving] })).toEqual([
      'it asked for a person: too-many-matches',
      `${at}  retry by ada: seen`,
      `${at}  retry, of at most 9 customers a project by ada, after too-many-matches: seen`,
      `${at}  refuse by ada: line [2J one `,
    ]);
  });

  test('is told where neither was', () => {
    expect(why({})).toEqual(['it was not refused, and no person was asked']);
  });
});
