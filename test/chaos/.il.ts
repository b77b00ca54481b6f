import fc from 'fast-check';
import { anyOrder } from '/work/main/test/chaos/scenarios/interleavings.ts';
const t=performance.now();
const r = await fc.check(anyOrder, { numRuns: Number(process.argv[2]), seed: Number(process.argv[3] ?? 1) });
console.log(r.failed, r.numRuns, ((performance.now()-t)/1000).toFixed(1));
if (r.failed) console.log(fc.defaultReportMessage(r)?.slice(0,6000));
