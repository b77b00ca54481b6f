import { describe, expect, test } from 'vitest';
import { leaks, token } from '../support/canary.ts';

const word = token('word');
const tokens = new Map([
  ['word', word],
  ['other', token('other')],
]);
const found = (text: string) => leaks(tokens, { here: text, there: 'nothing' });

describe('search for planted values', () => {
  test.each([
    ['as it is', word],
    ['within a text', `a${word}b`],
    ['in capitals', word.toUpperCase()],
    ['in part', `..${word.slice(7, 15)}..`],
    ['in hex', Buffer.from(word).toString('hex')],
    ['in capital hex', Buffer.from(word).toString('hex').toUpperCase()],
    ['in URL encoding', [...word].map(char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).join('')],
    ['in JSON escapes', [...word].map(char => `\\u00${char.charCodeAt(0).toString(16)}`).join('')],
    ['in base64', Buffer.from(word).toString('base64')],
    ['in base64 behind a character', Buffer.from(`x${word}`).toString('base64')],
    ['in base64 behind two characters', Buffer.from(`:)${word}`).toString('base64')],
    ['in part in base64url', Buffer.from(`key=${word.slice(3, 14)}&x`).toString('base64url')],
    ['in base64 within JSON', JSON.stringify({ a: Buffer.from(`{"b":"${word}"}`).toString('base64') })],
  ])('%s: is found', (_, text) => {
    expect(found(text)).toEqual(['word in here']);
  });

  test('other text: is not found', () => {
    expect(found(`${word.slice(0, 7)} ${word.slice(8, 15)} ${token('third')}`)).toEqual([]);
    expect(found('')).toEqual([]);
  });

  test('several places: are all found', () => {
    expect(leaks(tokens, { a: word, b: `${token('other')}${word}` })).toEqual(['word in a', 'word in b', 'other in b']);
    expect(new Set(['a', 'b', 'c'].map(token)).size).toBe(3);
    expect(token('a')).toMatch(/^[a-z0-9]{24}$/);
  });
});
