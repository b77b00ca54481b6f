import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { asInvoked } from '../../infra/ops/terminal.ts';
import { type AwsCall, answers, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { ketch } from './check-harness.ts';
import { callerIdentity, opsBeside } from './ops-harness.ts';

const webhook = 'erasure-test-webhook';
const settings = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: { ketch } };
const variables = {
  SETTINGS_JSON: JSON.stringify(settings),
  SECRET_ARNS: '{}',
  RECEIPTS_TABLE: 'erasure-test-receipts',
  IDENTIFIERS_TABLE: 'erasure-test-identifiers',
  METRICS_NAMESPACE: 'erasure-test',
};
const operator = 'arn:aws:sts::123456789012:assumed-role/on-call/zoe';

/** An AWS account with one deployment, in which nothing is paused. */
async function account(Variables: object = variables) {
  const calls: string[] = [];
  const server = await startAwsEndpoint((call: AwsCall, response) => {
    const { url = '' } = call.request;
    if (url.includes('/functions/')) {
      calls.push(url);
      return answers(200, { Environment: { Variables } })(call, response);
    }
    if (!call.body.includes('GetCallerIdentity')) return answers(200, { Responses: {}, Items: [] })(call, response);
    response.writeHead(200, { 'content-type': 'text/xml' }).end(callerIdentity(operator));
  });
  onTestFinished(server.stop);
  return { endpoint: server.endpoint, calls };
}

describe('ops as the executable of a package', () => {
  let bundle = '';
  beforeAll(async () => {
    // The SDK has CommonJS parts, which need a `require`.
    const banner = { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" };
    const target = { platform: 'node', format: 'esm', bundle: true, target: 'node20' } as const;
    const built = await build({ ...target, entryPoints: ['infra/ops/ops.ts'], banner, write: false });
    bundle = built.outputFiles[0]!.text;
  });

  /** Runs the executable in an empty folder. */
  async function packaged(args: readonly string[], endpoint?: string, files: Readonly<Record<string, string>> = {}) {
    const cwd = temporaryFolder();
    const script = join(temporaryFolder(), 'erasure-ops.mjs');
    writeFileSync(script, bundle);
    for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content);
    const aws = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none', HOME: cwd };
    const environment = { ...aws, ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL: endpoint }) };
    return opsBeside(args, { cwd, script, environment });
  }

  test('help and messages: name the executable, not npm', async () => {
    const { status, stdout } = await packaged(['--help']);
    expect([status, stdout]).toEqual([0, expect.stringContaining('erasure-ops COMMAND')]);
    const help = (await packaged(['retry', '--help'])).stdout;
    expect(help).toContain('| erasure-ops retry - --why "fixed"');
    expect(stdout + help).not.toContain('npm run');
    const completion = (await packaged(['completion', 'bash'])).stdout;
    expect(completion).toMatch(/^complete -o default -F _erasure_ops erasure-ops$/m);
    expect(completion).not.toContain('npm');
    expect(await packaged(['nothing'])).toMatchObject({
      status: 2,
      stderr: 'unknown command; erasure-ops --help lists all commands\n',
    });
  });

  test('settings: are those of the running function if there is no file', async () => {
    const { endpoint, calls } = await account();
    const paused = await packaged(['pauses', '--stage', 'test'], endpoint);
    expect(paused).toEqual({ status: 0, stdout: 'nothing is paused\n', stderr: '' });
    expect(calls).toEqual([expect.stringContaining(`/functions/${webhook}/configuration`)]);
  });

  test('settings that cannot be read: are an error that names the function', async () => {
    const { endpoint } = await account({ SETTINGS_JSON: 'a secret text' });
    const { status, stderr } = await packaged(['pauses', '--stage', 'test'], endpoint);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`the settings of ${webhook} cannot be read`)]);
    expect(stderr).not.toContain('a secret text');
  });

  test('decision: prints account, region, deployment and operator before it', async () => {
    const { endpoint } = await account();
    const file = { 'settings.json': JSON.stringify(settings) };
    const pause = ['pause', 'all', '--why', 'a drill', '--stage', 'test', '--settings', 'settings.json'];
    const { status, stdout, stderr } = await packaged(pause, endpoint, file);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'all: paused now\n' });
    expect(stderr).toBe(`account 123456789012, region eu-west-1, stage test (erasure-test), as ${operator}\n`);
  });

  test.each([
    ['/clone/infra/ops/ops.ts', 'npm run ops -- list'],
    ['/app/node_modules/.bin/erasure-ops', 'erasure-ops list'],
    ['/app/dist/erasure-ops.js', 'erasure-ops list'],
  ])('asInvoked: %s is typed as %s', (script, typed) => {
    expect(asInvoked('npm run ops -- list', script)).toBe(typed);
  });
});
