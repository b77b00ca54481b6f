import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, vi } from 'vitest';

/**
 * Stryker's test runner. It imports the tests once, and then runs those that reach a mutant in its own process: starting
 * Vitest for every mutant takes a hundred times as long. The tests see this module as `vitest`. `MUTATION_TESTS` lists
 * the test files, separated by commas.
 */

type Run = (...values: never[]) => unknown;

interface Suite {
  readonly parent: Suite | undefined;
  readonly title: string;
  readonly hooks: Readonly<Record<'beforeAll' | 'afterAll' | 'beforeEach' | 'afterEach', (() => unknown)[]>>;
}

interface Test {
  readonly id: string;
  readonly suite: Suite;
  readonly file: string;
  readonly run: () => unknown;
  /** How many mutants it has noticed, and how long it took last, in milliseconds. */
  kills: number;
  ms: number;
}

/** What the changed code reads and writes (Stryker, instrumenter). */
interface Namespace {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: object;
}

const global: typeof globalThis & { __stryker__?: Namespace } = globalThis;
global.__stryker__ ??= {};
const stryker = global.__stryker__;

const tests = new Map<string, Test>();
let finished: (() => unknown)[] = [];
let file = '';
let suite = newSuite(undefined, '');

function newSuite(parent: Suite | undefined, title: string): Suite {
  return { parent, title, hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] } };
}

function addSuite(title: string, body: Run): void {
  const outer = suite;
  suite = newSuite(outer, `${outer.title} ${title}`.trim());
  body();
  suite = outer;
}

function addTest(title: string, run: Run): void {
  const name = `${suite.title} ${title}`.trim();
  const isTaken = tests.has(`${file}#${name}`);
  const id = `${file}#${name}${isTaken ? ` (${tests.size})` : ''}`;
  tests.set(id, { id, suite, file, run, kills: 0, ms: 0 });
}

/** As Vitest's `test` and `describe`, as far as the tests use them. */
function withVariants(add: (title: string, run: Run) => void) {
  const skip = () => undefined;
  const each = (cases: readonly unknown[]) => (title: string, run: (...values: unknown[]) => unknown) => {
    const areLists = cases.every(one => Array.isArray(one));
    for (const [index, one] of cases.entries()) {
      add(`${title} ${index}`, () => (areLists ? run(...(one as unknown[])) : run(one)));
    }
  };
  const skipIf = (isSkipped: unknown) => (isSkipped ? skip : add);
  return Object.assign(add, { each, skip, skipIf, runIf: (isRun: unknown) => skipIf(!isRun) });
}

type Fixture = (context: object, use: (value: unknown) => unknown) => unknown;

/** As Vitest's `test.extend`, for fixtures that need no others. A test without parameters starts none. */
function extend(fixtures: Readonly<Record<string, Fixture>>) {
  const withFixtures = (run: (context: object) => unknown) =>
    Object.entries(fixtures).reduce<(context: object) => unknown>(
      (inner, [name, fixture]) =>
        context =>
          fixture({}, value => inner({ ...context, [name]: value })),
      run,
    );
  return withVariants((title, run) =>
    addTest(title, run.length === 0 ? run : () => withFixtures(run as (context: object) => unknown)({})),
  );
}

export { expect, vi };
export const describe = withVariants(addSuite);
export const test = Object.assign(withVariants(addTest), { extend });
export const beforeAll = (hook: () => unknown) => suite.hooks.beforeAll.push(hook);
export const afterAll = (hook: () => unknown) => suite.hooks.afterAll.push(hook);
export const beforeEach = (hook: () => unknown) => suite.hooks.beforeEach.push(hook);
export const afterEach = (hook: () => unknown) => suite.hooks.afterEach.push(hook);
export const onTestFinished = (hook: () => unknown) => finished.push(hook);

/** Imports the test files once. */
async function loadTests(): Promise<void> {
  if (tests.size > 0) return;
  registerHooks({
    resolve: (name, context, next) =>
      name === 'vitest' && context.parentURL !== import.meta.url
        ? { url: import.meta.url, shortCircuit: true }
        : next(name, context),
  });
  // After a change, some promises may not be awaited any more.
  process.on('unhandledRejection', () => undefined);
  for (const path of (process.env['MUTATION_TESTS'] ?? '').split(',')) {
    file = path;
    suite = newSuite(undefined, '');
    await import(pathToFileURL(resolve(path)).href);
  }
}

/** Runs hooks of the suites around a test, from the outside in or from the inside out. */
async function runHooks(of: Suite | undefined, kind: 'beforeEach' | 'afterEach'): Promise<void> {
  if (of === undefined) return;
  if (kind === 'beforeEach') await runHooks(of.parent, kind);
  for (const hook of of.hooks[kind]) await hook();
  if (kind === 'afterEach') await runHooks(of.parent, kind);
}

/** Runs what a suite and those around it need once, and remembers them in `entered`. */
async function enter(of: Suite | undefined, entered: Set<Suite>): Promise<void> {
  if (of === undefined || entered.has(of)) return;
  await enter(of.parent, entered);
  entered.add(of);
  for (const hook of of.hooks.beforeAll) await hook();
}

/** Runs one test and returns its failure, if it fails. */
async function runTest(one: Test, entered: Set<Suite>): Promise<string | undefined> {
  const { id, suite: of, run } = one;
  const before = performance.now();
  finished = [];
  stryker.currentTestId = id;
  try {
    await enter(of, entered);
    await runHooks(of, 'beforeEach');
    await withTimeLimit(run, one.ms);
    return undefined;
  } catch (thrown) {
    return thrown === tooLong ? tooLong : String(thrown).slice(0, 300);
  } finally {
    await cleanUp(of).catch(() => undefined);
    one.ms = performance.now() - before;
    stryker.currentTestId = undefined;
  }
}

/** The failure of a test that waits for something that does not happen. */
const tooLong = 'takes too long';

/** How often a test is checked, in milliseconds, and how many checks in a row must find that nothing can wake it. */
const checkMs = 50;
const mostIdleChecks = 20;

/**
 * Runs a test, and stops waiting for it if it takes much longer than usual, on a busy machine too, or soon if the process
 * has no timer, socket or other resource that could wake it.
 */
async function withTimeLimit(run: () => unknown, usualMs: number): Promise<void> {
  const before = process.getActiveResourcesInfo().length;
  const latest = performance.now() + 8000 + 10 * usualMs;
  let idleChecks = 0;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      // One of the resources is this timer.
      idleChecks = process.getActiveResourcesInfo().length <= before + 1 ? idleChecks + 1 : 0;
      if (idleChecks >= mostIdleChecks || performance.now() > latest) reject(tooLong);
    }, checkMs);
  });
  try {
    await Promise.race([run(), limit]);
  } finally {
    clearInterval(timer);
  }
}

async function cleanUp(of: Suite): Promise<void> {
  await runHooks(of, 'afterEach');
  for (const hook of finished.toReversed()) await hook();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
}

async function leave(entered: Set<Suite>): Promise<void> {
  for (const one of [...entered].toReversed()) for (const hook of one.hooks.afterAll) await hook();
}

/** Runs all tests without a mutant, and records which test reaches which mutants. */
async function dryRun() {
  await loadTests();
  const entered = new Set<Suite>();
  const results: object[] = [];
  for (const one of tests.values()) {
    const failure = await runTest(one, entered);
    const result = { id: one.id, name: one.id, fileName: resolve(one.file), timeSpentMs: one.ms };
    results.push(failure === undefined ? { ...result, status: 0 } : { ...result, status: 1, failureMessage: failure });
  }
  await leave(entered);
  return { status: 'complete', tests: results, mutantCoverage: stryker.mutantCoverage };
}

interface MutantRun {
  readonly activeMutant: { readonly id: string };
  readonly testFilter?: readonly string[];
  readonly hitLimit?: number;
}

/**
 * Runs the tests that reach a mutant until one fails. Stryker stops a mutant that is reached a hundred times as often as by
 * all tests together. A tenth of that in one test is enough: what never ends is stopped sooner.
 */
async function mutantRun({ activeMutant, testFilter, hitLimit }: MutantRun): Promise<object> {
  await loadTests();
  const chosen = testFilter?.flatMap(id => tests.get(id) ?? []) ?? [...tests.values()];
  const entered = new Set<Suite>();
  Object.assign(stryker, { activeMutant: activeMutant.id, hitLimit: hitLimit && Math.max(hitLimit / 10, 10_000) });
  let [failure, count, killer]: [string | undefined, number, Test | undefined] = [undefined, 0, undefined];
  // What has noticed changes before will probably notice the next one.
  for (killer of chosen.toSorted((a, b) => b.kills - a.kills || a.ms - b.ms)) {
    count += 1;
    stryker.hitCount = 0;
    failure = await runTest(killer, entered);
    if (failure !== undefined) break;
  }
  await leave(entered).catch(() => undefined);
  const isEndless = (stryker.hitCount ?? 0) > (stryker.hitLimit ?? Number.POSITIVE_INFINITY);
  Object.assign(stryker, { activeMutant: undefined, hitCount: undefined, hitLimit: undefined });
  if (isEndless) return { status: 'timeout', reason: 'hit limit reached' };
  if (failure === tooLong) return { status: 'timeout', reason: tooLong };
  if (failure === undefined || killer === undefined) return { status: 'survived', nrOfTests: count };
  killer.kills += 1;
  await requireClean(killer);
  return { status: 'killed', killedBy: [killer.id], failureMessage: failure, nrOfTests: count };
}

/** The mutant must be the only reason for a failure. If it left something behind, Stryker repeats it in a new process. */
async function requireClean(killer: Test): Promise<void> {
  const entered = new Set<Suite>();
  const failure = await runTest(killer, entered);
  await leave(entered);
  if (failure !== undefined) throw new Error(`fails without a mutant too: ${killer.id}: ${failure}`);
}

// A mutant is active only while tests run, so that no module must be imported again for the next one.
const createRunner = () => ({ capabilities: () => ({ reloadEnvironment: true }), dryRun, mutantRun });

export const strykerPlugins = [{ kind: 'TestRunner', name: 'in-process', factory: createRunner }];
