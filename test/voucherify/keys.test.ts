import { describe, expect, it } from 'vitest';
import { Failure } from '../../lambda/failure.ts';
import { apiKeyReader } from '../../lambda/voucherify/keys.ts';

const good = { appId: '01234567-89ab-cdef-0123-456789abcdef', appToken: 'token-1' };

describe('the keys of a project', () => {
  it('are read from its own secret, afresh where that is asked for, and hold nothing else', async () => {
    const asked: unknown[] = [];
    const keys = apiKeyReader('us', async (...call) => {
      asked.push(call);
      return JSON.stringify({ ...good, note: 'rotated in May' });
    });
    expect(await keys()).toEqual(good);
    expect(await keys({ fresh: true })).toEqual(good);
    expect(asked).toEqual([
      ['erasure/voucherify/us', undefined],
      ['erasure/voucherify/us', { fresh: true }],
    ]);
  });

  it.each([
    ['no JSON', 'app-1:token-1'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['no token', JSON.stringify({ appId: 'a' })],
    ['no id', JSON.stringify({ appToken: 'a' })],
    ['an empty id', JSON.stringify({ ...good, appId: '' })],
    ['an empty token', JSON.stringify({ ...good, appToken: '' })],
    ['the placeholder as id', JSON.stringify({ ...good, appId: 'REPLACE_ME' })],
    ['the placeholder as token', JSON.stringify({ ...good, appToken: 'REPLACE_ME' })],
    ['a number', JSON.stringify({ ...good, appToken: 12345 })],
    ['a line break', JSON.stringify({ ...good, appToken: 'token\r\nX-Evil: 1' })],
    ['a space', JSON.stringify({ ...good, appToken: 'token 1' })],
    ['a letter no header takes', JSON.stringify({ ...good, appToken: 'tökén' })],
  ])('are not there for a secret with %s', async (_, text) => {
    expect(await apiKeyReader('main', async () => text)()).toBeUndefined();
  });

  it('are not there when the secret cannot be read', async () => {
    const unreadable = apiKeyReader('main', async () => {
      throw new Failure('unavailable', 'the secret is not usable');
    });
    expect(await unreadable()).toBeUndefined();
  });
});
