import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { embeddedSecretTexts, localSigner } from '../../infra/local/embedded-secrets.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import { scanSqlite } from '../../infra/ops/report/scan-receipts.ts';
import { leaks, token } from '../support/canary.ts';
import { canaryHarness } from '../support/canary-harness.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { minute } from '../support/quota-world.ts';
import { operatorOf, ops, profiles, run } from './ops-harness.ts';

const why = ['--why', 'a drill', '--by', 'zoe'];

/** A harness in which everything personal is a token, with a receipt that waits for a person and one that is closed. */
async function planted() {
  const folder = temporaryFolder();
  const file = join(folder, 'erasure.sqlite');
  const signer = localSigner(join(folder, 'evidence-key.pem'));
  const pepper = embeddedSecretTexts(readLocalOptions({}).settings)['erasure/pepper']!;
  const canary = await canaryHarness({ file, secrets: { 'erasure/pepper': pepper }, change: () => ({ signer }) });
  const { harness } = canary;
  await canary.send(
    canary.wire({ callbacks: [] }, { metadata: { uid: '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11', tenant: 'axonic' } }),
  );
  harness.clock.now += minute;
  await harness.sweep();
  const email = `${token('field mailbox')}+x@${token('field domain')}.example`;
  profiles(harness, email, 7);
  await canary.send(canary.wire());
  return { canary, email, folder, context: { ...(await operatorOf(harness)), all: scanSqlite(file) } };
}

describe('ops: no command prints an identifier, a callback or a secret', () => {
  test('commands: as text, as JSON and on standard error', async () => {
    const { canary, email, context } = await planted();
    const receipts = await canary.harness.receipts();
    expect(receipts.map(({ state }) => state)).toEqual(['no-match', 'needs-review']);
    const [closed, human] = receipts.map(({ id }) => id) as [string, string];
    // There is something to leak.
    const kept = JSON.stringify(await canary.harness.services.store.readPersonalData(human));
    expect(leaks(canary.planted.tokens, { kept }).length).toBeGreaterThan(5);
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const source = token('field source id');
    const exported = temporaryFolder();
    const commands: readonly (readonly [name: string, ...args: string[]])[] = [
      ['list'],
      ['show', closed],
      ['show', human],
      ['show', source],
      ['find', '--email', email],
      ['find', '--source-id', source, '--phone', `+${token('field phone')}`],
      ['find', '--customer-id', source],
      ['report', '--from', '2026-01-01', '--to', '2026-12-31'],
      ['jwks'],
      ['export', '--from', '2026-01-01', '--folder', exported],
      ['list', '--closed', '--year', '2026'],
      ['restore-check'],
      ['retry', human, source, ...why],
      ['refuse', human, closed, email, ...why],
      ['pause', 'all', ...why],
      ['pauses', 'all'],
      ['resume', 'all', ...why],
    ];
    const places: Record<string, string> = {};
    for (const command of commands) {
      for (const more of [[], ['--json']]) {
        const [name, ...args] = command;
        const { lines, json, progress } = await run(context, name, ...args, ...more);
        places[[...command, ...more].join(' ')] = JSON.stringify([lines, json ?? null, progress]);
      }
    }
    places['show --jws'] = (await run(context, 'show', closed, '--jws')).lines.join();
    places['report --html'] = (await run(context, 'report', '--year', '2026', '--html')).lines.join();
    places['list --closed --csv'] = (await run(context, 'list', '--closed', '--csv')).lines.join();
    places['show --html'] = (await run(context, 'show', closed, '--html')).lines.join();
    places['its payload'] = Buffer.from(places['show --jws'].split('.')[1]!, 'base64url').toString();
    for (const name of readdirSync(exported)) places[name] = name + readFileSync(join(exported, name), 'utf8');
    expect(places[`${closed}.jws`]).toBeDefined();
    places['standard error'] = JSON.stringify(said.mock.calls);
    expect(places[`find --email ${email}`]).toContain(human);
    expect(places['its payload']).toContain(closed);
    expect(places['show --html']).toContain(closed);
    expect(leaks(canary.planted.tokens, places)).toEqual([]);
  });

  test('processes: not even a value typed in the wrong place', async () => {
    const { canary, email, folder } = await planted();
    const source = token('field source id');
    const typed = [
      ['find', '--email', email],
      ['find', `--emial=${email}`],
      ['show', source],
      ['refuse', source, ...why],
      ['erase', '--source-id', source, '--why', 'a drill'],
      ['erase', '--source-id', '-', '--why', email],
      ['erase', '--source-id', '-', '--why', 'a drill'],
      ['erase', source, '--csv', source],
      ['erase', '--csv', source],
    ];
    const places = typed.map(args => {
      const { stdout, stderr } = ops([...args, '--local'], { DATA_DIR: folder }, source);
      expect(stdout + stderr).not.toBe('');
      return [args[0]!, stdout + stderr] as const;
    });
    for (const [place, text] of places) expect(leaks(canary.planted.tokens, { [place]: text })).toEqual([]);
  });
});
