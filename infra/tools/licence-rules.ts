import type { Component } from './bill-of-materials.ts';

/** SPDX ids of what may be shipped: those that ask for no more than a notice. */
export const allowed: readonly string[] = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
];

/** What a package says of itself, as one SPDX expression; `none` where it says nothing. */
export function licenceOf({ licenses }: Pick<Component, 'licenses'>): string {
  return licenses.map(textOf).join(' AND ') || 'none';
}

function textOf(one: Component['licenses'][number]): string {
  if ('expression' in one) return one.expression;
  return 'id' in one.license ? String(one.license.id) : String(one.license.name);
}

/**
 * Whether an SPDX expression leaves a choice of which every part is allowed. One that is nested is not understood here
 * and not allowed: a person must read it.
 */
export function isAllowed(expression: string, ids: readonly string[]): boolean {
  const flat = expression.replace(/^\((.*)\)$/, '$1');
  if (/[()]/.test(flat)) return false;
  return flat.split(' OR ').some(choice => choice.split(' AND ').every(part => ids.includes(part.trim())));
}
