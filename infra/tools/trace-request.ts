import { registerHooks } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runTool } from './run-tool.ts';
import { countTrace, filesOf, instrument, linesOf, stretchesOf, type TracedFunction } from './trace.ts';

const help = `Sends one Ketch erasure request through the handler that Lambda runs, over local
services (SQLite, a sandbox Voucherify, no network), and prints how much of
lambda/ it executes.

  npm run trace
  npm run trace -- --list
  npm run trace -- --max-files 25 --max-switches 70

  --list            the files in the order in which they are first entered,
                    with the calls in each
  --sequence        every change of file, with the calls up to the next one
  --max-files N     exit code 1 if more files are executed
  --max-switches N  exit code 1 if there are more switches

What is counted, from the event to the reply:
  function  a function of lambda/ with a name: a declaration, a method, or the
            value of a variable or property. A callback in an argument is a
            part of the function around it.
  call      one entry into a function
  file      a file in which at least one function is entered
  switch    two successive calls that enter functions of different files
Adapters of infra/local replace those of lambda/ that call AWS; what an adapter
calls is not counted. The clock and the random numbers are fixed, so that every
run prints the same.
Exit code 1 also if the reply is not 200.
`;

const root = join(import.meta.dirname, '../..');
const lambda = pathToFileURL(join(root, 'lambda/')).href;
const functions: TracedFunction[] = [];
const trace: TracedFunction[] = [];
let isRecording = () => false;

const options = { list: { type: 'boolean' }, sequence: { type: 'boolean' } } as const;
const limits = { 'max-files': { type: 'string' }, 'max-switches': { type: 'string' } } as const;

await runTool(help, { ...options, ...limits }, async values => {
  const [maxFiles, maxSwitches] = [parseLimit(values['max-files']), parseLimit(values['max-switches'])];
  instrumentLambda();
  const { isInRequestPath, sendTracedRequest } = await import('./traced-request.ts');
  const status = await sendTracedRequest(
    () => {
      isRecording = isInRequestPath;
    },
    () => {
      isRecording = () => false;
    },
  );
  const figures = countTrace(trace);
  if (values['list'] === true) process.stdout.write(linesOf(filesOf(trace)));
  if (values['sequence'] === true) process.stdout.write(linesOf(stretchesOf(trace)));
  console.log(`status     ${status}`);
  console.log(`files      ${figures.files} in ${figures.folders} folders`);
  console.log(`functions  ${figures.functions} in ${figures.calls} calls`);
  console.log(`switches   ${figures.switches}`);
  const fits = figures.files <= maxFiles && figures.switches <= maxSwitches;
  return status === 200 && fits ? 0 : 1;
});

/** Makes every module of lambda/ that is loaded from now on record its calls. */
function instrumentLambda(): void {
  const enter = (number: number) => {
    const entered = functions[number];
    if (isRecording() && entered !== undefined) trace.push(entered);
  };
  Reflect.set(globalThis, 'traceEnter', enter);
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      if (!url.startsWith(lambda) || !url.endsWith('.ts')) return loaded;
      const file = relative(root, fileURLToPath(url));
      const register = (traced: TracedFunction) => functions.push(traced) - 1;
      return { ...loaded, source: instrument(file, String(loaded.source), 'globalThis.traceEnter', register) };
    },
  });
}

/** Throws if a limit is not a number. */
function parseLimit(limit: unknown): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (typeof limit !== 'string' || !/^\d+$/.test(limit))
    throw new Error('--max-files and --max-switches must be numbers');
  return Number(limit);
}
