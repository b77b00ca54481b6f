import { expect, test } from 'vitest';
import { embeddedSecretTexts } from '../../infra/local/embedded-secrets.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import { leaks, Planted } from '../support/canary.ts';
import { everything, strangeHeaders } from '../support/canary-harness.ts';
import { jsonOrUndefined, sendOver } from '../support/event.ts';
import { account, ketchWire } from '../support/ketch.ts';
import { startLocalProcess } from '../support/local-process.ts';

test('whole process: prints no request, secret or customer data', async () => {
  const secrets = embeddedSecretTexts(readLocalOptions({}).settings);
  const { current } = jsonOrUndefined(secrets['erasure/platform/ketch']!) as { current: string };
  const run = await startLocalProcess({ DATA_DIR: ':memory:', CLOCK: '2026-01-15T12:00:00Z', SWEEP_SECONDS: '0.2' });
  const planted = new Planted();
  const headers = { ...strangeHeaders(planted), Authorization: current };
  const metadata = (id: number) => ({
    metadata: { uid: `22880925-aac5-42f9-a653-cb6921d3610${id}`, tenant: 'axonic' },
  });
  const send = (body: unknown, more = {}) => sendOver(run.url, ketchWire(body, { ...headers, ...more }));
  const answers = [
    await send(everything(planted, {}, metadata(1))),
    await send(everything(planted, { identities: [account('crm-10042')] }, metadata(2))),
    await send(everything(planted, { identities: [] }, metadata(1))),
    await send(everything(planted, { environment: planted.token('environment') }, metadata(3))),
    await send(everything(planted, {}, {}), { Authorization: planted.token('wrong secret') }),
    await send(planted.token('body')),
    await send(planted.token('large body').repeat(60_000)),
    await sendOver(run.url, { ...ketchWire(), path: `/webhooks/${planted.token('path')}?a=${planted.token('query')}` }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 409, 403, 403, 400, 413, 404]);
  const { stdout, stderr, code } = await run.stop();
  expect(code).toBe(0);
  expect(stderr).toContain('"outcome":"erased"');
  expect(leaks(planted.tokens, { stdout, stderr, answers: JSON.stringify(answers) })).toEqual([]);
  const texts = Object.values(secrets).flatMap(text => Object.values(jsonOrUndefined(text) ?? { text }).map(String));
  for (const known of [...texts, 'crm-10042', 'ada@example.com', 'cust_Ada'])
    expect(stdout + stderr).not.toContain(known);
});
