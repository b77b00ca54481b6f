import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readOptions } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { type Desk, localDesk } from '../../infra/ops/desk.ts';
import { tryCommand } from '../../infra/ops/try/try.ts';
import { parseSharedSecret } from '../../lambda/authenticity/shared-secret.ts';
import { pause } from '../../lambda/pause.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { ketch } from './patient.ts';
import { recorded } from './recorded.ts';

const form = {
  type: 'generic',
  match: { '/kind': 'forget', '/a~1b/0': true },
  reference: ['/case/id', '/case/part'],
  identifiers: { '/person/mail': 'email', '/person/number': 'source_id' },
  test: '/case/trial',
};
const platforms = {
  ketch,
  generic: { scheme: 'standard-webhooks' },
  form: { ...form, scheme: 'header', header: 'X-Form-Key' },
  desk: { ...form, scheme: 'basic' },
  transcend: { audience: 'acme', sombraUrl: 'https://sombra.example.com', identities: { coreIdentifier: 'source_id' } },
  segment: {},
  shopify: { shops: ['acme.myshopify.com'] },
};

interface Running {
  readonly desk: Desk;
  readonly url: string;
  deletions(): Promise<unknown>;
}

/** A local run in this process, and the desk of somebody who finds it in its folder. */
async function running(change: { platforms?: object; limits?: object } = {}): Promise<Running> {
  const folder = temporaryFolder();
  const DATA_DIR = join(folder, 'data');
  const SETTINGS = join(folder, 'settings.json');
  mkdirSync(DATA_DIR);
  const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
  writeFileSync(SETTINGS, JSON.stringify({ projects, platforms, ...change }));
  const environment = { DATA_DIR, SETTINGS, PORT: '0', SWEEP_SECONDS: '3600' };
  const run = await startLocalRun({ ...readOptions(environment), log: () => undefined });
  const desk = localDesk(environment);
  onTestFinished(async () => {
    desk.close();
    await run.close();
  });
  return { desk, url: run.url, deletions: async () => (await fetch(`${run.sandboxUrl}/sandbox/deletions`)).json() };
}

async function secretsOf({ settings, readSecret }: Desk): Promise<ReadonlyMap<string, string>> {
  const names = Object.keys(settings.platforms);
  const texts = await Promise.all(names.map(name => readSecret(`erasure/platform/${name}`)));
  return new Map(texts.map((text, at) => [names[at]!, parseSharedSecret(text).current]));
}

describe('try', () => {
  test.each([
    ['ketch', 403, 200, 'the secret is right, a receipt was stored, and Voucherify was asked and knows nobody'],
    ['generic', 401, 200, 'the secret is right; nothing was stored'],
    ['form', 401, 200, 'the secret is right; nothing was stored'],
    ['desk', 401, 200, 'the secret is right; nothing was stored'],
    ['segment', 401, 200, 'the secret is right; nothing was stored'],
    ['shopify', 401, 200, 'the secret is right; nothing was stored'],
  ])('%s: a stranger gets %i, the platform %i, and nobody is deleted', async (name, refused, accepted, says) => {
    const { desk, url, deletions } = await running();
    const { code, lines } = await recorded(tryCommand, desk, { positionals: [name], secrets: await secretsOf(desk) });
    const text = lines.join('\n');
    expect(text).toContain(`POST ${url}/webhooks/${name} with a wrong secret: ${refused} in `);
    expect(text).toContain('✓ turned away: nobody without the secret gets in\nNow ');
    expect(text).toContain(`POST ${url}/webhooks/${name} with the platform's secret: ${accepted} in `);
    expect(text).toContain(`✓ ${says}`);
    expect(code).toBe(0);
    expect(await deletions()).toEqual([]);
    expect(await desk.store.due('erase', Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  test('transcend: a stranger is turned away, and Transcend must send the rest itself', async () => {
    const { desk } = await running();
    const lines: string[] = [];
    const output = {
      json: false,
      print: (line: string) => void lines.push(line),
      printJson: () => {},
      progress: () => {},
    };
    const typed = { positionals: ['transcend'], text: () => undefined, isSet: () => false };
    await expect(tryCommand.run(typed, desk, output)).rejects.toThrow(/^Transcend signs with a key of its own/);
    expect(lines.at(-1)).toBe('  ✓ turned away: nobody without the secret gets in');
  });

  test('gives scripts what was sent and what it means', async () => {
    const { desk, url } = await running();
    const { json, lines } = await recorded(tryCommand, desk, { positionals: ['generic'], options: { json: true } });
    expect(lines).toEqual([]);
    expect(json).toEqual([
      expect.objectContaining({ what: 'with a wrong secret', status: 401, fine: true }),
      expect.objectContaining({ url: `${url}/webhooks/generic`, status: 200, answer: { status: 'test' } }),
    ]);
  });

  test('ketch: says so when the request is accepted and held', async () => {
    const { desk, deletions } = await running();
    await pause('all', { actor: 'me', reason: 'a drill', at: Date.now() }, desk.control);
    const { code, lines } = await recorded(tryCommand, desk, { positionals: ['ketch'] });
    expect(lines.at(-1)).toContain('✓ the secret is right and a receipt was stored; it waits for a pause');
    expect(code).toBe(0);
    expect(await deletions()).toEqual([]);
  });

  test.each([
    [{ mail: 'email' }, 'for mail erasure-try-', '@example.invalid', 'knows nobody of that name'],
    // An unknown customer's id may be somebody who was deleted softly: it would be posted.
    [{ customer: 'customer_id' }, 'for erasure_try erasure-try-', '', 'no identity was looked up'],
  ])('ketch: with %j it takes an identity that can only be looked up', async (identities, sends, more, says) => {
    const { desk, deletions } = await running({ platforms: { ketch: { ...ketch, identities } } });
    const { code, lines } = await recorded(tryCommand, desk, { positionals: ['ketch'] });
    const text = lines.join('\n');
    for (const part of [sends, more, says]) expect(text).toContain(part);
    expect(code).toBe(0);
    expect(await deletions()).toEqual([]);
  });

  test.each(['ketch', 'generic', 'desk', 'segment', 'shopify'])(
    '%s: with another secret than the endpoint holds says what to do',
    async name => {
      const { desk } = await running();
      const current = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
      const other = {
        ...desk,
        readSecret: async () => JSON.stringify({ current: name === 'desk' ? `user:${current}` : current }),
      };
      const { code, lines } = await recorded(tryCommand, other, {
        positionals: [name],
        secrets: new Map([['other', current]]),
      });
      expect(lines.at(-1)).toContain('✗ the endpoint holds another secret: it sees a new one within six minutes');
      expect(code).toBe(1);
    },
  );

  test('with a secret that cannot be used sends nothing', async () => {
    const { desk } = await running();
    const other = { ...desk, readSecret: async () => '{"current":"short"}' };
    const trying = recorded(tryCommand, other, { positionals: ['ketch'] });
    await expect(trying).rejects.toThrow('erasure/platform/ketch: is not usable; npm run ops -- doctor says what');
  });

  test('of a platform that is not deployed says so', async () => {
    const { desk, url } = await running({ platforms: { segment: {} } });
    const settings = {
      ...desk.settings,
      platforms: { ...desk.settings.platforms, shopify: { shops: ['a.myshopify.com'] } },
    };
    const readSecret = async () => JSON.stringify({ current: 'a-secret-that-is-long-enough' });
    const options = { url: `${url}/webhooks` };
    const { code, lines } = await recorded(
      tryCommand,
      { ...desk, settings, readSecret },
      { positionals: ['shopify'], options },
    );
    expect(lines.at(-1)).toContain('✗ the platform is not in the settings that were deployed');
    expect(code).toBe(1);
  });
});
