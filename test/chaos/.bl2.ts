import { calm } from './support/faults.ts';
import { live } from './support/live.ts';
import { newAskOf } from './support/people.ts';
import { townOf } from './support/population.ts';
import { openWorld } from './support/world.ts';
const minute=60000; const requests=Number(process.argv[2]);
const world = openWorld({ seed:1, mix: calm, callsPerMinute: 160, quotaShare: .5, lags: true });
const { time, start, voucherify } = world; const within=requests*200; const town=townOf(world);
const deliveries = Array.from({length:requests},(_, n)=>{const at=n*within/requests; const ask={...newAskOf('source',n,start+at,town),callbacks:1}; world.truth.ask(ask); return [at,ask] as const});
const back=within+30*minute; voucherify.sandbox.outage('down'); time.in(back,()=>voucherify.sandbox.outage(undefined));
await live(world,{deliveries,oddSweeps:0,longest:30*24*60*minute});
const per=new Map<number,number>(); for(const s of voucherify.sent) { const m=Math.floor((s.at-start-back)/minute); per.set(m,(per.get(m)??0)+1)}
console.log([...per].filter(([m])=>m>=-2).sort((a,b)=>a[0]-b[0]).map(([m,c])=>m+':'+c).join(' '));
const secs=new Map<number,number>(); const origin=voucherify.sent.find(s=>s.at>start+back+10*minute)!.at; for(const s of voucherify.sent){ if(s.at>origin&&s.at<origin+2*minute){const k=Math.floor((s.at-origin)/1000); secs.set(k,(secs.get(k)??0)+1)}}
console.log(Array.from({length:120},(_, i)=>secs.get(i)??0).join(''));
const w=[...world.watch.writes.values()].map(x=>x.length); console.log('calls', voucherify.sent.length, 'writes/receipt', w.reduce((a,b)=>a+b,0)/w.length);
const odd=[...world.watch.writes.entries()].filter(([,x])=>x.length>6).slice(-3); for(const [,x] of odd){ console.log(x.map(y=>((y.at-start-back)/1000).toFixed(2)+' '+y.receipt.state+' '+y.receipt.claims+' '+y.receipt.projects['main']!.pins+' '+(y.receipt.lastResult??'')).join('\n')); console.log('--')}
const gets=voucherify.sent.filter(s=>s.at>start+back+5*minute); const gaps:any={}; let lastGet=0; let list:string[]=[];
for (let i=1;i<gets.length;i++){const g=gets[i]!.at-gets[i-1]!.at; if(g>1700){ list.push(((gets[i]!.at-start)/1000%60).toFixed(1)+'+'+(g/1000).toFixed(2));}}
console.log(list.length, list.slice(0,120).join(' '));
