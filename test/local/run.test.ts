import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Options, readOptions, UsageError } from '../../infra/local/options.ts';
import { type LocalRun, startLocalRun } from '../../infra/local/run.ts';
import { type Answer, jsonOrUndefined } from '../support/event.ts';
import { sendOver } from '../support/http.ts';
import { callback, deleteRequest, ketchWire } from '../support/ketch.ts';
import { temporaryFolder } from '../support/local-process.ts';

/** A local run in this process, over the clock of the dated requests; closed when the test is over. */
async function runWith(options: Partial<Options> = {}): Promise<LocalRun & { lines: string[] }> {
  const lines: string[] = [];
  const variables = { PORT: '0', DATA_DIR: ':memory:', CLOCK: '2026-01-15T12:00:00Z' };
  const given = { ...readOptions(variables), log: (line: string) => lines.push(line), ...options };
  // As long as the local gateway allows: what is answered here must not depend on how busy the machine is.
  const settings = { ...given.settings, limits: { ...given.settings.limits, answerBudgetMs: 14_000 } };
  const run = await startLocalRun({ ...given, settings });
  onTestFinished(() => run.close());
  return { ...run, lines };
}

async function ask(run: LocalRun): Promise<Answer> {
  const text = await run.parts.readSecret('erasure/platform/ketch');
  const { current } = jsonOrUndefined(text) as { current: string };
  return sendOver(run.url, ketchWire(deleteRequest({ callbacks: [callback] }), { Authorization: current }));
}

const outage = (run: LocalRun, mode: string | null) =>
  sendOver(run.sandboxUrl!, { path: '/sandbox/outage', headers: {}, body: JSON.stringify({ mode }) });

describe('a local run', () => {
  test('serves the handlers that Lambda runs, with embedded secrets and a sandbox', async () => {
    const run = await runWith();
    expect(await ask(run)).toMatchObject({ status: 200, json: { response: { reason: 'executed' } } });
    expect(run.lines.map(line => (jsonOrUndefined(line) as { event: string }).event)).toEqual(['accepted', 'closed']);
    expect(await sendOver(run.url, ketchWire())).toMatchObject({ status: 403 });
  });

  test('sweeps by itself: what was left open is ended', async () => {
    const { settings } = readOptions({});
    const main = { ...settings.projects['main']!, callsPerMinute: 1_000_000, quotaShare: 1 };
    const run = await runWith({ sweepMs: 50, backoffMs: 50, settings: { ...settings, projects: { main } } });
    await outage(run, 'down');
    expect(await ask(run)).toMatchObject({ json: { response: { status: 'in_progress' } } });
    await outage(run, null);
    await expect.poll(() => ask(run)).toMatchObject({ json: { response: { reason: 'executed' } } });
  });

  test('goes on sweeping when one sweep fails', async () => {
    const run = await runWith({ sweepMs: 20 });
    const { store } = run.parts;
    const { due } = store;
    Object.assign(store, { due: () => Promise.reject(new Error('lost')) });
    await expect.poll(() => run.lines.join('')).toContain('"event":"sweep","code":"unavailable"');
    Object.assign(store, { due });
    await expect.poll(() => run.lines.join('')).toContain('"event":"sweep","claimed":0');
  });

  test('keeps what it promised over a restart', async () => {
    const data = join(temporaryFolder(), 'data');
    const first = await runWith({ data });
    const answer = await ask(first);
    await first.close();
    const again = await ask(await runWith({ data }));
    expect(again.text).toBe(answer.text);
  });

  test('says which port is in use, and leaves its files free', async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const data = join(temporaryFolder(), 'data');
    await expect(runWith({ port, data })).rejects.toThrow(
      new UsageError(`port ${port} is in use: set PORT to another one`),
    );
    expect((await ask(await runWith({ data }))).status).toBe(200);
  });

  test('passes on what else keeps it from listening', async () => {
    await expect(runWith({ port: 70_000 })).rejects.toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
  });

  test('says that nothing can be kept in a folder that is none', async () => {
    const problem = 'DATA_DIR: the files of the local run cannot be opened in /dev/null';
    const started = runWith({ data: '/dev/null' });
    await expect(started).rejects.toBeInstanceOf(UsageError);
    await expect(started).rejects.toThrow(problem);
  });
});
