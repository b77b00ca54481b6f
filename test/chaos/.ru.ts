import fc from 'fast-check';
import { sequences } from '/work/main/test/chaos/scenarios/rules.ts';
const t=performance.now(); const c={count:0};
const r = await fc.check(sequences(c), { numRuns: Number(process.argv[2]), seed: Number(process.argv[3] ?? 1) });
console.log(r.failed, r.numRuns, c.count, ((performance.now()-t)/1000).toFixed(1));
if (r.failed) console.log(fc.defaultReportMessage(r)?.slice(0,3000), String(r.errorInstance));
