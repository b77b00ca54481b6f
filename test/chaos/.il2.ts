import fc from 'fast-check';
import { anyOrder } from '/work/main/test/chaos/scenarios/interleavings.ts';
const r = await fc.check(anyOrder, { seed: Number(process.argv[2]), path: process.argv[3]!, endOnFailure: true });
console.log(String(r.errorInstance).slice(0,3000), (r.errorInstance as any)?.stack?.slice(0,300));
