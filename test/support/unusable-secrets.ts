/** A value that a platform's secret may hold by mistake, and why it must never let anybody in. */
export const weakValues: readonly { readonly why: string; readonly value: unknown }[] = [
  { why: 'empty', value: '' },
  { why: 'null', value: null },
  { why: 'a number', value: 123_456_789_012_345 },
  { why: 'true', value: true },
  { why: 'a list', value: ['abcdefghijklmnopqrstuvwxyz'] },
  { why: 'an object', value: { value: 'abcdefghijklmnopqrstuvwxyz' } },
  { why: 'the placeholder', value: 'REPLACE_ME' },
  { why: 'a long placeholder', value: 'REPLACE_ME_REPLACE_ME_REPLACE_ME' },
  { why: 'short', value: 'hunter2' },
  { why: 'one character too short', value: 'x'.repeat(23) },
  { why: 'a prefix and no secret', value: 'whsec_' },
  { why: 'a prefix and one byte', value: 'whsec_AA==' },
  { why: 'pasted with a space behind it', value: 'Bearer abcdefghijklmnopqrstuvwxyz ' },
  { why: 'pasted with a line break', value: 'abcdefghijklmnopqrstuvwxyz\n' },
  { why: 'broken into two lines', value: 'abcdefghijklmnop\nqrstuvwxyz' },
];

/** Texts of a secret `{"current", "previous"?}` that must never let anybody in. */
export const unusableSecrets: readonly { readonly why: string; readonly text: string }[] = [
  { why: 'empty', text: '' },
  { why: 'white space', text: ' \n' },
  { why: 'not JSON', text: 'Bearer current-secret-0001' },
  { why: 'the placeholder', text: 'REPLACE_ME' },
  { why: 'the word undefined', text: 'undefined' },
  { why: 'null', text: 'null' },
  { why: 'a number', text: '123456789012345678901234567890' },
  { why: 'a string', text: '"abcdefghijklmnopqrstuvwxyz"' },
  { why: 'a list', text: '["abcdefghijklmnopqrstuvwxyz"]' },
  { why: 'an empty object', text: '{}' },
  {
    why: 'with a duplicate key',
    text: '{"current":"zyxwvutsrqponmlkjihgfedcba","current":"abcdefghijklmnopqrstuvwxyz"}',
  },
  { why: 'cut off', text: '{"current":"abcdefghijklmnopqrstuvwxyz"' },
  { why: 'under another name', text: '{"Current":"abcdefghijklmnopqrstuvwxyz"}' },
  { why: 'only the previous one', text: '{"previous":"abcdefghijklmnopqrstuvwxyz"}' },
  ...weakValues.map(({ why, value }) => ({
    why: `${why} as the current one`,
    text: JSON.stringify({ current: value }),
  })),
  ...weakValues.map(({ why, value }) => ({
    why: `${why} as the previous one`,
    text: JSON.stringify({ current: 'abcdefghijklmnopqrstuvwxyz', previous: value }),
  })),
];
