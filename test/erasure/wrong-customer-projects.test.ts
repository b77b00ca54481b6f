import { describe, expect, it } from 'vitest';
import { decideRetry } from '../../lambda/receipts/transitions.ts';
import { answer } from '../support/erasing-answers.ts';
import { erasingHouse, one, start } from '../support/erasing-house.ts';

const wrong = answer(200, { status: 'DONE', related_object_id: 'cust_ELSE', data_json: { customer: 1 } });
const retry = { at: start, actor: 'on-call', action: 'retry', reason: 'mended' } as const;

/** Two projects with a customer each; `main` is the first that is worked on. */
function houseOfTwo() {
  const house = erasingHouse({ projects: ['main', 'us'] });
  house.person({ source_id: 'crm-1' }, 'main');
  house.person({ source_id: 'crm-1' }, 'us');
  return house;
}

describe('wrong customer deleted in one project', () => {
  it('next project: gets no deletion', async () => {
    const house = houseOfTwo();
    house.meddle = ({ method }, pass) => (method === 'POST' ? wrong : pass());
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(1);
  });

  it('failure of another project: does not hide it, and the receipt is never retried', async () => {
    const house = houseOfTwo();
    let posts = 0;
    house.meddle = ({ method }, pass) => {
      if (method !== 'POST') return pass();
      posts += 1;
      return posts === 1 ? answer(400, {}) : wrong;
    };
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(posts).toBe(2);
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
    expect(decideRetry(receipt, retry)).toBeUndefined();
  });
});
