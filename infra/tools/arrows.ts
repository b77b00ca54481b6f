import { spawnSync } from 'node:child_process';
import * as v from 'valibot';

/** Fewer modules than this, and the tool did not see the code: it would be green for the wrong reason. */
const leastModules = 100;

const summary = v.object({
  totalCruised: v.number(),
  violations: v.array(v.object({ rule: v.object({ name: v.string() }), from: v.string(), to: v.string() })),
});

const args = ['lambda', 'infra', 'test', '--config', '.dependency-cruiser.mjs', '--output-type', 'json'];
const cruise = spawnSync('depcruise', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const { totalCruised, violations } = v.parse(v.object({ summary }), JSON.parse(cruise.stdout)).summary;

for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
console.log(`${totalCruised} modules, ${violations.length} arrows that point the wrong way`);
if (totalCruised < leastModules) console.error(`expected at least ${leastModules} modules`);
if (violations.length > 0 || totalCruised < leastModules) process.exitCode = 1;
