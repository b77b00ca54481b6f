import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import type { BenchHarness } from './bench-harness.ts';
import { printedJson } from './measured-process.ts';
import { markdown } from './statistics.ts';
import { bundledModule, type Subject } from './subjects.ts';
import type { WarmMeasurement } from './warm-loop.ts';

/** The part of V8's CPU profiles that is read (Chrome DevTools Protocol, `Profiler.Profile`); positions count from zero. */
const profileSchema = v.object({
  nodes: v.array(
    v.object({
      id: v.number(),
      callFrame: v.object({
        functionName: v.string(),
        url: v.string(),
        lineNumber: v.number(),
        columnNumber: v.number(),
      }),
      children: v.optional(v.array(v.number()), []),
    }),
  ),
  samples: v.array(v.number()),
  timeDeltas: v.array(v.number()),
});

type Profile = v.InferOutput<typeof profileSchema>;
type Node = Profile['nodes'][number];
/** CPU milliseconds by the package, or the folder in `lambda/`, that used them or called what did. */
type Parts = ReadonlyMap<string, number>;

/** Processes of each subject, and in each: measured requests, those before them, and by how many the time is divided. */
const situations = [
  { name: 'cold start and one request', processes: 6, requests: 1, unmeasured: 0, per: 1 },
  { name: 'warm request', processes: 1, requests: 1500, unmeasured: 300, per: 1800 },
];

/** Profiles a start and warm requests of the webhook and of the bare handler, and returns what uses the CPU time. */
export async function profile(harness: BenchHarness): Promise<string> {
  const file = bundledModule(import.meta.resolve('./warm-loop.ts'), join(harness.folder, 'loop'));
  const subjects = harness.subjects.filter(({ name }) => ['webhook', 'webhook before', 'bare, SDK'].includes(name));
  const tables: string[] = [];
  for (const { name, processes, requests, unmeasured, per } of situations) {
    const columns = subjects.map(() => new Map<string, number>());
    for (let round = 0; round < processes; round += 1) {
      for (const [at, subject] of subjects.entries()) {
        const args = [file, join(subject.folder, 'index.mjs'), `${requests}`, `${unmeasured}`];
        for (const [part, ms] of await profiled(harness, subject, args))
          columns[at]?.set(part, (columns[at].get(part) ?? 0) + ms / processes / per);
      }
    }
    tables.push(tableOf(name, subjects, columns));
  }
  return tables.join('\n\n');
}

async function profiled(harness: BenchHarness, { folder }: Subject, args: readonly string[]): Promise<Parts> {
  const profiles = mkdtempSync(join(harness.folder, 'profile-'));
  const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-interval=200'];
  await printedJson<WarmMeasurement>(harness, [...flags, ...args]);
  const [written = ''] = readdirSync(profiles);
  return partsOf(v.parse(profileSchema, JSON.parse(readFileSync(join(profiles, written), 'utf8'))), folder);
}

/** Adds up the samples. What Node itself does counts for the part of the bundle that called it, if one did. */
function partsOf({ nodes, samples, timeDeltas }: Profile, folder: string): Parts {
  const nameOf = partNames(nodes, folder);
  const parts = new Map<string, number>();
  samples.forEach((id, index) => {
    const part = nameOf(id);
    if (part !== undefined) parts.set(part, (parts.get(part) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  });
  return parts;
}

function partNames(nodes: readonly Node[], folder: string): (id: number) => string | undefined {
  const map = JSON.parse(readFileSync(join(folder, 'index.mjs.map'), 'utf8')) as SourceMapPayload;
  const sources = new SourceMap(map);
  const byId = new Map(nodes.map(node => [node.id, node]));
  const parents = new Map(nodes.flatMap(node => node.children.map(child => [child, node] as const)));
  const names = new Map<number, string | undefined>();
  const find = (id: number): string | undefined => {
    const own = byId.get(id);
    if (own === undefined || own.callFrame.functionName === '(idle)') return undefined;
    for (let at: Node | undefined = own; at !== undefined; at = parents.get(at.id)) {
      const part = bundledPart(at, sources);
      if (part !== undefined) return part;
    }
    return outsideOfBundle(own);
  };
  return id => {
    if (!names.has(id)) names.set(id, find(id));
    return names.get(id);
  };
}

function bundledPart({ callFrame }: Node, sources: SourceMap): string | undefined {
  if (!callFrame.url.endsWith('/index.mjs') || callFrame.functionName === '') return undefined;
  const entry = sources.findEntry(callFrame.lineNumber, callFrame.columnNumber);
  return 'originalSource' in entry ? partOfSource(entry.originalSource) : undefined;
}

/** Returns the package, with its submodule, or the folder in `lambda/`. */
function partOfSource(source: string): string {
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)(?:.*\/submodules\/([^/]+))?/.exec(source);
  if (inPackage !== null) return [inPackage[1], inPackage[2]].filter(one => one !== undefined).join('/');
  return /lambda\/(?:platforms\/)?[^/]+/.exec(source)?.[0] ?? source.replace(/.*\//, '');
}

function outsideOfBundle({ callFrame: { functionName, url } }: Node): string {
  if (functionName === '(garbage collector)') return 'garbage collector';
  if (url.startsWith('file:') && !fileURLToPath(url).endsWith('/index.mjs')) return 'the loop of the measurement';
  return 'Node, called by no part of the bundle';
}

function tableOf(name: string, subjects: readonly Subject[], columns: readonly Parts[]): string {
  const total = (part: Parts) => [...part.values()].reduce((sum, ms) => sum + ms, 0);
  const first = (part: string) => columns[0]?.get(part) ?? 0;
  const all = [...new Set(columns.flatMap(column => [...column.keys()]))].toSorted((a, b) => first(b) - first(a));
  const least = 0.005 * Math.max(...columns.map(total));
  const shown = all.filter(part => columns.some(column => (column.get(part) ?? 0) >= least));
  const digits = Math.max(...columns.map(total)) > 20 ? 1 : 3;
  const rows = shown.map(part => [part, ...columns.map(column => (column.get(part) ?? 0).toFixed(digits))]);
  const sum = ['all', ...columns.map(column => total(column).toFixed(digits))];
  return markdown([[`${name}: CPU, ms`, ...subjects.map(subject => subject.name)], sum, ...rows]);
}
