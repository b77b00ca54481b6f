import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = join(root, '.github/workflows');
const workflows = readdirSync(folder).map(name => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const textOf = (file: string) => workflows.find(({ name }) => name === file)?.text ?? '';
const [check, release] = [textOf('check.yml'), textOf('release.yml')];

/** The values of a key at any place, without the comment after them. */
const valuesOf = (key: string, text: string) =>
  [...text.matchAll(new RegExp(`^[ -]*${key}: *(.*?)(?: +#.*)?$`, 'gm'))].map(([, value]) => value);

describe('the workflow', () => {
  test('steps: are those of any CI, for pushes and pull requests', () => {
    expect(valuesOf('run', check)).toContain('.ci/run');
    expect(statSync(join(root, '.ci/run')).mode & 0o111).not.toBe(0);
    expect(check).toMatch(/^on:\n {2}push:\n {2}pull_request:\n\n/m);
  });

  test('hosts: are the versions of Node.js that package.json names, with a time limit', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    expect(valuesOf('node', check)).toEqual([expect.stringMatching(`^\\[${engines.node.slice('>='.length)}, `)]);
    expect(valuesOf('timeout-minutes', check).map(Number)).toEqual([expect.any(Number)]);
    expect(valuesOf('cancel-in-progress', check)).toEqual(['true']);
  });
});

describe.each(workflows)('every workflow ($name)', ({ text }) => {
  test('actions: are named by their full commit, with the version in a comment', () => {
    const used = text.match(/^.*\buses:.*$/gm) ?? [];
    expect(used.length).toBeGreaterThan(0);
    for (const line of used) expect(line).toMatch(/^ +- uses: actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('permissions: only to read the code, and no credentials are kept for the steps', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(text.match(/permissions:/g)).toHaveLength(text === release ? 2 : 1);
    const checkouts = text.match(/uses: actions\/checkout@.*\n +with:\n +persist-credentials: false\n/g) ?? [];
    expect(checkouts).toHaveLength(text.match(/actions\/checkout@/g)?.length ?? 0);
    expect(text).not.toMatch(/secrets\.|pull_request_target|github\.(event|head_ref)/);
  });

  test('tools from elsewhere: have one fixed version', () => {
    for (const command of valuesOf('run', text).filter(one => /^pip /.test(one ?? ''))) {
      expect(command).toMatch(/^pip install( '[a-z-]+(\[[a-z]+\])?==\d+\.\d+\.\d+')+$/);
    }
  });
});

describe('the release', () => {
  test('tag: is checked, packed with a bill of materials, and released with a signed provenance of both', () => {
    expect(release).toMatch(/^on:\n {2}push:\n {4}tags: \["v\*"\]\n\n/m);
    const commands = valuesOf('run', release);
    const order = ['.ci/run', 'npm pack', 'gh release create'].map(start =>
      commands.findIndex(command => command?.startsWith(start)),
    );
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(commands.filter(command => command?.includes('$GITHUB_REF_NAME" = "v$(node -p'))).toHaveLength(1);
    const attested = release.indexOf('actions/attest-build-provenance@');
    expect(attested).toBeGreaterThan(release.indexOf('npm pack'));
    expect(attested).toBeLessThan(release.indexOf('gh release create'));
    for (const file of ['voucherify-erasure-webhook-*.tgz', 'sbom.cdx.json']) {
      expect(release.slice(attested, release.indexOf('gh release create'))).toContain(file);
      expect(commands.at(-1)).toContain(file);
    }
  });

  test('permissions: only what the signature and the release need', () => {
    const given = [...release.matchAll(/^ {6}([a-z-]+): write/gm)].map(([, name]) => name);
    expect(given).toEqual(['contents', 'id-token', 'attestations']);
    expect(check).not.toContain('write');
  });
});

describe('updates of dependencies', () => {
  const renovate = JSON.parse(readFileSync(join(root, '.github/renovate.json'), 'utf8')) as Record<string, unknown>;

  test('versions: are exact, a week old, and never merged without a review', () => {
    expect(renovate).toMatchObject({ rangeStrategy: 'pin', minimumReleaseAge: '7 days', automerge: false });
    expect(renovate['extends']).toContain('helpers:pinGitHubActionDigests');
    expect(JSON.stringify(renovate)).not.toContain('"automerge":true');
  });
});

describe('example of a deployment pipeline', () => {
  const text = readFileSync(join(root, 'docs/deploy.example.yml'), 'utf8');
  const jobs = Object.fromEntries(
    [...text.matchAll(/^ {2}(\w+):\n((?: {4}.*\n|\n)+)/gm)].map(([, name = '', body = '']) => [name, body]),
  );

  test('actions: are those of the checked workflow, without credentials of the repository', () => {
    const used = valuesOf('uses', text);
    expect(used.length).toBeGreaterThan(0);
    for (const action of used) expect(valuesOf('uses', check)).toContain(action);
    expect(text.match(/persist-credentials: false/g)).toHaveLength(text.match(/actions\/checkout@/g)?.length ?? 0);
    expect(text).not.toMatch(/secrets\.|pull_request|github\.(event|head_ref)|aws-(access-key|secret)/i);
  });

  test('order: the checks, the stage test, and then production in an environment with approval', () => {
    expect(Object.keys(jobs)).toEqual(expect.arrayContaining(['check', 'test', 'production']));
    expect(jobs['check']).toContain('run: .ci/run');
    expect([valuesOf('needs', jobs['test'] ?? ''), valuesOf('needs', jobs['production'] ?? '')]).toEqual([
      ['check'],
      ['test'],
    ]);
    for (const name of ['test', 'production']) expect(valuesOf('environment', jobs[name] ?? '')).toEqual([name]);
  });

  test('identity: only the jobs that deploy may request a token', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(jobs['check']).not.toContain('id-token');
    for (const name of ['test', 'production']) expect(valuesOf('id-token', jobs[name] ?? '')).toEqual(['write']);
  });

  test('commands: deploy the two stages', () => {
    const deployed = valuesOf('run', text).filter(command => command?.includes('cdk deploy'));
    const deploy = 'npx cdk deploy --require-approval never';
    expect(deployed).toEqual([`${deploy} -c stage=test`, deploy]);
  });
});
