import { describe, expect, test } from 'vitest';
import { token } from '../support/canary.ts';
import { type CanaryHouse, canaryHouse, expectSilence } from '../support/canary-house.ts';
import { uid } from '../support/ketch.ts';

describe('refused message', () => {
  const planted = (name: string) => token(`refused ${name}`);
  const raw = `{"${planted('key')}":1,"${planted('key')}":2}`;

  test.each<[string, number, (canary: CanaryHouse) => Parameters<CanaryHouse['send']>[0]]>([
    ['its secret is wrong', 403, ({ wire }) => wire({}, {}, { Authorization: planted('secret') })],
    [
      'its secret comes twice',
      403,
      ({ wire }) => wire({}, {}, { Authorization: [planted('secret'), planted('again')] }),
    ],
    ['its path names nothing', 404, ({ wire }) => ({ ...wire(), path: `/webhooks/${planted('path')}` })],
    ['its path is odd', 404, ({ wire }) => ({ ...wire(), path: `/${planted('path')}` })],
    ['its path names a request', 404, ({ wire }) => ({ ...wire(), path: `/webhooks/ketch/${planted('path')}` })],
    ['its method is odd', 405, ({ wire }) => ({ ...wire(), method: planted('method') })],
    ['its type is odd', 415, ({ wire }) => wire({}, {}, { 'Content-Type': `text/${planted('type')}` })],
    ['it is too large', 413, ({ wire }) => ({ ...wire(), body: planted('body').repeat(3000) })],
    ['it is no JSON', 400, ({ wire }) => ({ ...wire(), body: planted('body') })],
    ['it is no UTF-8', 400, ({ wire }) => ({ ...wire(), body: Buffer.from(`${planted('body')}\u00ff`, 'latin1') })],
    ['a key stands twice', 400, ({ wire }) => ({ ...wire(), body: raw })],
    [
      'it is nested too deeply',
      400,
      ({ wire }) => ({ ...wire(), body: `${`{"${planted('key')}":`.repeat(30)}1${'}'.repeat(30)}` }),
    ],
    ['its version is odd', 400, ({ wire }) => wire({}, { apiVersion: planted('version') })],
    ['its kind is odd', 501, ({ wire }) => wire({}, { kind: planted('kind') })],
    ['its uid is none', 400, ({ wire }) => wire({}, { metadata: { uid: planted('uid'), tenant: 'axonic' } })],
    ['its tenant is not ours', 403, ({ wire }) => wire({}, { metadata: { uid, tenant: planted('tenant') } })],
    ['its environment is not ours', 403, ({ wire }) => wire({ environment: planted('environment') })],
    ['its identities are none', 400, ({ wire }) => wire({ identities: { [planted('key')]: planted('value') } })],
    [
      'an identity is a list',
      400,
      ({ wire }) => wire({ identities: [{ identitySpace: 'email', identityValue: [planted('value')] }] }),
    ],
    [
      'a callback header is none',
      400,
      ({ wire }) => wire({ callbacks: [{ url: 'x', headers: { [planted('header')]: 5 } }] }),
    ],
    ['its time is text', 400, ({ wire }) => wire({ dueTimestamp: planted('time') })],
  ])('%s: no planted value appears', async (_, status, wireOf) => {
    const canary = await canaryHouse();
    for (const name of [
      'secret',
      'again',
      'path',
      'method',
      'type',
      'body',
      'key',
      'version',
      'kind',
      'uid',
      'tenant',
      'environment',
      'value',
      'header',
      'time',
    ]) {
      canary.planted.token(`refused ${name}`);
    }
    expect((await canary.send(wireOf(canary))).status).toBe(status);
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });
});
