import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { localKetchSecret } from '../../infra/local/embedded-secrets.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { localContext } from '../../infra/ops/context.ts';
import { alarmFor } from '../../infra/stack/alarm-catalog.ts';
import { requestReview } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { sweepHandler } from '../../lambda/sweeper.ts';
import { ops, opsBeside, run } from '../ops/ops-harness.ts';
import { startAwsEndpoint } from '../support/aws-endpoint.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import { printSkipped } from '../support/skipped.ts';

/** Every command of a page: the lines of its blocks that are marked as shell. */
function commandsIn(page: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, '../..', page), 'utf8');
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, lines = '']) => lines.trim().split('\n'));
  return [...new Set(blocks.flat())];
}

const commands = [...new Set(['RUNBOOK.md', 'docs/evidence.md', 'docs/officer.md'].flatMap(commandsIn))];
const tool = /^npm run (-s )?ops -- /;

/** As a shell splits it: quotes hold a word together. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** A local run in this process, with receipts in every state that the pages speak of. */
async function deployment() {
  const DATA_DIR = temporaryFolder();
  const environment = { DATA_DIR, PORT: '0', SWEEP_SECONDS: '3600' };
  const running = await startLocalRun({ ...readLocalOptions(environment), log: () => undefined });
  const local = localContext(environment);
  const platforms = { ...local.settings.platforms, shopify: { shops: ['acme.myshopify.com'] } };
  const desk = { ...local, settings: { ...local.settings, platforms } };
  onTestFinished(async () => {
    desk.close();
    await running.close();
  });
  const uid = '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11';
  const identities = [{ identitySpace: 'account_id', identityValue: 'crm-10042' }];
  await fetch(`${running.url}/webhooks/ketch`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: localKetchSecret },
    body: JSON.stringify({
      apiVersion: 'dsr/v1',
      kind: 'DeleteRequest',
      metadata: { uid, tenant: 'axonic' },
      request: { environment: 'production', identities },
    }),
  });
  const erased = (await running.services.pseudonymizer()).receipt('ketch', 'axonic', uid);
  let asked = 0;
  /** One that has asked for a person. */
  const stopped = async (reason = 'too-many-matches', refusedLookUps: readonly string[] = []) => {
    asked += 1;
    const open = receiptOf({ id: `stopped-${asked}`, platform: 'ketch', receivedAt: Date.now() });
    const projects = Object.entries(open.projects).map(([name, progress]) => [name, { ...progress, refusedLookUps }]);
    const receipt = { ...open, projects: Object.fromEntries(projects) };
    await running.services.store.accept(receipt, kept);
    await updateReceipt(running.services.store, receipt, current => requestReview(current, reason));
    return receipt.id;
  };
  /** A redaction of Shopify that is closed. */
  const redacted = async () => {
    const facts = { id: 'redacted-1', platform: 'shopify', state: 'erased', closedAt: Date.now() } as const;
    const { queue: _, nextAttemptAt: __, ...receipt } = receiptOf(facts);
    await running.services.store.accept(receipt, kept);
    return receipt.id;
  };
  const people = join(temporaryFolder(), 'people.csv');
  writeFileSync(people, 'source_id\ncrm-10043\n');
  return { running, desk, environment, uid, erased, stopped, redacted, people };
}

/** Commands that decide need a receipt that waits for a decision. */
const decides = /ops -- (retry|refuse|accept-partial) /;

/** The value for a placeholder. */
async function filled(line: string, here: Awaited<ReturnType<typeof deployment>>): Promise<string> {
  const partial = () => here.stopped('voucherify-400', ['voucherify-400']);
  const stopped = line.includes('--new-request')
    ? here.redacted
    : line.includes('accept-partial')
      ? partial
      : here.stopped;
  return line
    .replaceAll('<receipt>', decides.test(line) ? await stopped() : here.erased)
    .replaceAll('<WebhookUrl>', `${here.running.url}/webhooks/`)
    .replace(/ > [\w.-]+$/, '')
    .replaceAll('<request id>', here.uid)
    .replaceAll('<platform>', 'ketch')
    .replaceAll('<project>', 'main')
    .replaceAll('<folder>', temporaryFolder())
    .replaceAll('<file>', here.people)
    .replaceAll('<day>', '2099-01-31')
    .replaceAll('<date>', new Date().toISOString().slice(0, 10));
}

/** Exit codes that are right on a deployment in which nothing hurts and one person was erased. */
const expected: Readonly<Record<string, readonly number[]>> = {
  // No sweep has run yet, and what is paused stays paused until the page resumes it.
  doctor: [0, 1],
  // Its customers are absent.
  'erase-again': [1],
  pause: [0, 3],
  resume: [0, 3],
  // The person of the example is no customer, and a file is accepted once.
  erase: [0, 3],
  // The id of a hold is not known here; `test/ops/holds.test.ts` releases one.
  release: [3],
  // No request is delayed here; `test/ops/preview.test.ts` previews one.
  preview: [1],
  // A local run has fixed secrets; `test/ops/secret.test.ts` sets some.
  secret: [2],
};

test('commands of the runbook: exist, and are of the tool or of AWS', () => {
  expect(commands.length).toBeGreaterThan(25);
  for (const line of commands) expect(line).toMatch(/^(npm run (-s )?ops -- |aws (dynamodb|events) )/);
});

/** Every code that the functions record: literal arguments, `code:` fields, and the alarms. */
function codesInSource(): readonly string[] {
  const sources = globSync('lambda/**/*.ts').map(file => readFileSync(file, 'utf8'));
  const recorded =
    /\b(?:(?:retryLater|needsReview|unprovenFailure|noResponse|reviewAttempt|requestReview)\((?:[a-zA-Z.]+, )?|code: )'([a-z0-9-]+)'/g;
  const inSource = sources.flatMap(text => [...text.matchAll(recorded)].map(([, code = '']) => code));
  return [...new Set([...inSource, ...Object.keys(alarmFor)])];
}

describe('codes of the runbook', () => {
  const page = readFileSync('RUNBOOK.md', 'utf8');
  // Those of Voucherify's status codes have one line.
  const isNamed = (code: string) => page.includes(`\`${code.replace(/^voucherify-\d+$/, 'voucherify-<status>')}\``);

  test('source: has codes, and every one is on the page', () => {
    const codes = codesInSource();
    expect(codes.length).toBeGreaterThan(50);
    expect(codes.filter(code => !isNamed(code))).toEqual([]);
  });
});

test('commands of the tool in the runbook, on evidence and for the privacy officer: all run', async () => {
  const here = await deployment();
  // Its clock is a minute ahead, so that it verifies and signs what is erased.
  const sweep = sweepHandler(() => {
    const { services } = here.running;
    return { ...services, now: () => services.now() + 61_000 };
  });
  for (const line of commands.filter(one => tool.test(one))) {
    const typed = words((await filled(line, here)).replace(tool, ''));
    await sweep();
    const [name = '', ...args] = typed;
    const status =
      name === 'erase' && args.includes('-')
        ? (await opsBeside([...typed, '--local'], { environment: here.environment, input: 'zoe@example.com\n' })).status
        : args.includes('-') || name === 'secret'
          ? ops([...typed, '--local'], here.environment, ['find', 'hold'].includes(name) ? 'crm-10042\n' : '').status
          : (await run(here.desk, name, ...args)).status;
    const isSearch = name === 'find' && (args.includes('--email') || args.includes('--customer-id'));
    const right = isSearch ? [1] : (expected[name] ?? [0]);
    expect(right, `${line}: ${status}`).toContain(status);
  }
});

const aws = (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, 'aws')));
if (!aws) printSkipped('the command line of AWS is not on the PATH (pip install awscli)');

describe.runIf(aws)('every command of AWS in the runbook', () => {
  const lines = commands.filter(one => one.startsWith('aws '));

  test.each(lines)(
    '%s: is valid for its command line, and asks for what exists',
    async line => {
      const bodies: string[] = [];
      const endpoint = await startAwsEndpoint(({ operation, body }, response) => {
        bodies.push(`${operation} ${body}`);
        response.end('{}');
      });
      onTestFinished(endpoint.stop);
      const cwd = temporaryFolder();
      const [program = '', ...args] = words(
        line
          .replaceAll('<prefix>', 'erasure')
          .replaceAll('<backup-arn>', `${'arn:aws:dynamodb:eu-west-1:123456789012:table/x/backup/'}1`),
      );
      const env = {
        ...{
          PATH: process.env['PATH'],
          HOME: cwd,
          AWS_ENDPOINT_URL: endpoint.endpoint,
          AWS_DEFAULT_REGION: 'eu-west-1',
        },
        ...{ AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' },
      };
      await promisify(execFile)(program, args, { cwd, env });
      expect(bodies.join()).toMatch(/"(erasure-sweep|erasure-receipts(-restored)?)"/);
    },
    30_000,
  );
});
