import { describe, expect, test } from 'vitest';
import type { Component } from '../../infra/supply/bill.ts';
import { allowed, isAllowed, licenceOf } from '../../infra/supply/licence-rules.ts';

describe('a licence', () => {
  test.each(['MIT', '(MIT OR GPL-3.0-or-later)', 'GPL-3.0-only OR ISC', 'MIT AND Apache-2.0'])(
    '%s is allowed',
    text => {
      expect(isAllowed(text, allowed)).toBe(true);
    },
  );

  test.each([
    ...['GPL-3.0-only', 'AGPL-3.0-or-later', 'MPL-2.0', 'MIT AND GPL-3.0-only', 'GPL-2.0-only OR AGPL-3.0-only'],
    ...['', 'none', 'mit', 'SEE LICENSE IN LICENSE', 'UNLICENSED', '(MIT OR GPL-3.0-only) AND GPL-2.0-only'],
    ...['Apache-2.0 WITH LLVM-exception', '(MIT OR ISC) AND (GPL-2.0-only OR GPL-3.0-only)'],
  ])('%j is not', text => {
    expect(isAllowed(text, allowed)).toBe(false);
  });

  test.each<[Component['licenses'], string]>([
    [[{ license: { id: 'MIT' } }], 'MIT'],
    [[{ license: { name: 'Our own' } }], 'Our own'],
    [[{ expression: 'MIT OR ISC' }], 'MIT OR ISC'],
    [[{ license: { id: 'MIT' } }, { license: { id: 'GPL-3.0-only' } }], 'MIT AND GPL-3.0-only'],
    [[], 'none'],
  ])('of %j is %s', (licenses, text) => {
    expect(licenceOf({ licenses })).toBe(text);
  });
});
