import { expect, test } from 'vitest';
import { typedFrom } from '../../infra/ops/typed.ts';

const command = { options: { why: { type: 'string' } } } as const;

test.each([`-${'a'.repeat(42)}`, `--${'b'.repeat(41)}`, `-_${'7'.repeat(41)}`])(
  'a receipt’s id that begins with a dash is no option: %s',
  id => {
    const typed = typedFrom(command, ['first', id, '--why', 'x', id, '--json']);
    expect(typed.positionals).toEqual(['first', id, id]);
    expect([typed.text('why'), typed.isSet('json')]).toEqual(['x', true]);
    expect(typedFrom(command, ['--', id]).positionals).toEqual([id]);
    expect(typedFrom(command, ['--why', id]).text('why')).toBe(id);
  },
);

test('every other dash is an option’s', () => {
  expect(() => typedFrom(command, [`-${'a'.repeat(41)}`])).toThrow("Unknown option '-a'");
  expect(() => typedFrom(command, ['--wyh', 'x'])).toThrow("Unknown option '--wyh'");
  expect(typedFrom(command, ['-']).positionals).toEqual(['-']);
});
