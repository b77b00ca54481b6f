import { spawnSync } from 'node:child_process';
import * as v from 'valibot';

/** With fewer modules, the tool did not find the code, and its success would mean nothing. */
const minModules = 100;

const summary = v.object({
  totalCruised: v.number(),
  violations: v.array(v.object({ rule: v.object({ name: v.string() }), from: v.string(), to: v.string() })),
});

const args = ['lambda', 'infra', 'test', '--config', '.dependency-cruiser.mjs', '--output-type', 'json'];
const cruise = spawnSync('depcruise', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const { totalCruised, violations } = v.parse(v.object({ summary }), JSON.parse(cruise.stdout)).summary;

for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
console.log(`${totalCruised} modules, ${violations.length} imports in a forbidden direction`);
if (totalCruised < minModules) console.error(`expected at least ${minModules} modules`);
if (violations.length > 0 || totalCruised < minModules) process.exitCode = 1;
