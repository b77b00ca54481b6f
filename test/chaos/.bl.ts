import { runBacklog } from './scenarios/backlog.ts';
const t=performance.now();
console.log(await runBacklog(Number(process.argv[3] ?? 1), Number(process.argv[2])), ((performance.now()-t)/1000).toFixed(1));
