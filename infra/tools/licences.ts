import { runTool } from './run-tool.ts';
import { bill, type Component, shippedIn } from './sbom.ts';

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

const help = `Prints the licence of every package inside the functions' bundles. Exit code 1 if one is not allowed.

  npm run licences
  npm run licences -- --only MIT,Apache-2.0

  --only LIST   allowed SPDX ids, separated by commas; default:
                ${allowed.join(', ')}
`;

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

if (import.meta.main)
  await runTool(help, { only: { type: 'string' } }, async ({ only }) => {
    const ids = typeof only === 'string' ? only.split(',') : allowed;
    const shipped = shippedIn(await bill());
    for (const one of shipped) console.log(`${licenceOf(one).padEnd(14)} ${one['bom-ref']}`);
    const refused = shipped.filter(one => !isAllowed(licenceOf(one), ids));
    for (const one of refused) console.error(`not allowed: ${licenceOf(one)} of ${one['bom-ref']}`);
    return refused.length === 0 ? 0 : 1;
  });
