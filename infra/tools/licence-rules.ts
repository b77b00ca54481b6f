import type { Component } from './bill-of-materials.ts';

/** SPDX ids of the licences that may be shipped: those that require at most a notice. */
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

/** Returns a package's declared licences as one SPDX expression, or `none`. */
export function licenceOf({ licenses }: Pick<Component, 'licenses'>): string {
  return licenses.map(toExpression).join(' AND ') || 'none';
}

function toExpression(one: Component['licenses'][number]): string {
  if ('expression' in one) return one.expression;
  return 'id' in one.license ? String(one.license.id) : String(one.license.name);
}

/**
 * Returns whether an SPDX expression has an alternative whose parts are all allowed. Nested expressions are not supported
 * and not allowed: they need a manual review.
 */
export function isAllowed(expression: string, ids: readonly string[]): boolean {
  const flat = expression.replace(/^\((.*)\)$/, '$1');
  if (/[()]/.test(flat)) return false;
  return flat.split(' OR ').some(choice => choice.split(' AND ').every(part => ids.includes(part.trim())));
}
