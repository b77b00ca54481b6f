import { bill, shippedIn } from './bill-of-materials.ts';
import { allowed, isAllowed, licenceOf } from './licence-rules.ts';
import { runTool } from './run-tool.ts';

const help = `Prints the licence of every package inside the functions' bundles. Exit code 1 if one is not allowed.

  npm run licences
  npm run licences -- --only MIT,Apache-2.0

  --only LIST   allowed SPDX ids, separated by commas; default:
                ${allowed.join(', ')}
`;

await runTool(help, { only: { type: 'string' } }, async ({ only }) => {
  const ids = typeof only === 'string' ? only.split(',') : allowed;
  const shipped = shippedIn(await bill());
  for (const one of shipped) console.log(`${licenceOf(one).padEnd(14)} ${one['bom-ref']}`);
  const refused = shipped.filter(one => !isAllowed(licenceOf(one), ids));
  for (const one of refused) console.error(`not allowed: ${licenceOf(one)} of ${one['bom-ref']}`);
  return refused.length === 0 ? 0 : 1;
});
