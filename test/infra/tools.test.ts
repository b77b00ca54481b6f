import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowed, isAllowed, licenceOf } from '../../infra/tools/licences.ts';
import nodeJson from '../../infra/tools/node/package.json' with { type: 'json' };
import { type Bill, bill, billOf, type Component, shippedIn } from '../../infra/tools/sbom.ts';
import packageJson from '../../package.json' with { type: 'json' };

let whole: Bill;
let shipped: readonly Component[];
beforeAll(async () => {
  whole = await bill();
  shipped = shippedIn(whole);
});

describe('shipped packages', () => {
  test('list: contains what is in the bundles, and no tool', () => {
    const names = shipped.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['valibot', '@middy/core', '@aws-sdk/client-dynamodb']));
    for (const tool of ['aws-cdk-lib', 'constructs', 'cdk-nag', 'esbuild', 'vitest', 'typescript']) {
      expect(names).not.toContain(tool);
    }
  });

  test('list: contains nothing that records calls', () => {
    const recorders = /xray|powertools|opentelemetry|datadog|newrelic|sentry|lumigo/i;
    expect(shipped.map(one => one['bom-ref']).filter(ref => recorders.test(ref))).toEqual([]);
  });

  test('package: has a name, version, address and licence', () => {
    for (const one of shipped) {
      expect(one).toMatchObject({ name: expect.stringMatching(/./), version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
      expect(one['purl']).toBe(`pkg:npm/${one.name.replace('@', '%40')}@${one.version}`);
      expect(licenceOf(one)).not.toBe('none');
    }
  });
});

describe('lock file', () => {
  interface Locked {
    readonly version?: string;
    readonly integrity?: string;
    readonly resolved?: string;
    readonly inBundle?: boolean;
    readonly link?: boolean;
    readonly hasInstallScript?: boolean;
  }
  const lockFile = readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8');
  const { packages: locked } = JSON.parse(lockFile) as { packages: Record<string, Locked> };
  const { optionalDependencies: ofNode } = nodeJson;
  /** All but this repository's own folders. */
  const installed = Object.entries(locked).filter(
    ([path, { link }]) => path.includes('node_modules/') && link !== true,
  );

  test('package: has an integrity, also those of other operating systems', () => {
    // Bundled packages are part of the archive of another package, whose integrity covers them.
    const without = installed.filter(([, { integrity, inBundle }]) => inBundle !== true && integrity === undefined);
    expect(without.map(([path]) => path)).toEqual([]);
    for (const [path, { integrity, inBundle, version }] of installed) {
      expect(version, path).toMatch(/^\d+\.\d+\.\d+/);
      if (inBundle !== true) expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    }
  });

  test('peers of the benchmarks: have exact versions and integrities, and no source', () => {
    const folder = join(import.meta.dirname, '../bench/peers');
    const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const [name, version] of Object.entries(dependencies)) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    const { packages: all } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, Locked>;
    };
    const peers = Object.entries(all).filter(([path]) => path !== '');
    expect(peers.length).toBeGreaterThan(0);
    for (const [path, { integrity, resolved, hasInstallScript }] of peers) {
      expect(integrity, path).toMatch(/^sha512-/);
      expect([resolved, hasInstallScript], path).toEqual([undefined, undefined]);
    }
  });

  test('install scripts: only that of esbuild', () => {
    const scripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path);
    expect(scripts).toEqual(['node_modules/esbuild']);
    expect(packageJson.allowScripts).toEqual({ esbuild: true });
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(Object.keys(packageJson.scripts)).not.toContain(name);
  });

  test('source: no package comes from outside the registry that npm is set to', () => {
    for (const [path, { resolved }] of installed) expect(resolved, path).toBeUndefined();
  });

  test('direct packages: have exact versions, except those that the application brings', () => {
    for (const [name, version] of Object.entries({
      ...packageJson.dependencies,
      ...packageJson.devDependencies,
      ...ofNode,
    }))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('Node.js: comes from the lock file, for each platform, and npm packages of this one do not contain it', () => {
    for (const [name, version] of Object.entries(ofNode)) {
      expect(version, name).toMatch(/^24\./);
      expect(locked[`node_modules/${name}`]).toMatchObject({ version, optional: true, integrity: expect.any(String) });
    }
    expect(packageJson).not.toHaveProperty('optionalDependencies');
  });
});

describe('bill of materials', () => {
  test('format: is CycloneDX and names the project', () => {
    expect(whole).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      serialNumber: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
      metadata: {
        timestamp: expect.stringMatching(/^\d{4}-/),
        component: { type: 'application', name: packageJson.name, version: packageJson.version },
      },
    });
    for (const one of whole.components) expect(one['type']).toBe('library');
  });

  test('tools: are listed once, as excluded', () => {
    const tools = whole.components.filter(({ scope }) => scope === 'excluded').map(({ name }) => name);
    expect(tools).toEqual(expect.arrayContaining(['aws-cdk-lib', 'constructs', 'cdk-nag', 'esbuild', 'vitest']));
    const refs = whole.components.map(one => one['bom-ref']);
    expect(refs).toEqual([...new Set(refs)]);
    expect(whole.dependencies).toHaveLength(new Set(whole.dependencies.map(({ ref }) => ref)).size);
    expect(tools.length + shipped.length).toBe(refs.length);
  });

  test('dependencies: are among the listed packages', () => {
    const refs = new Set([whole.metadata.component, ...whole.components].map(one => one['bom-ref']));
    for (const { ref, dependsOn } of whole.dependencies) {
      for (const one of [ref, ...dependsOn]) expect(refs).toContain(one);
    }
  });

  test('text: contains nothing of the machine', () => {
    const text = JSON.stringify(whole);
    expect(text).not.toMatch(/file:|"distribution"|node_modules|\.tgz|registry/);
    expect(text).not.toContain(process.cwd());
  });
});

describe('bill from the list of npm', () => {
  const listed = (name: string, more: Partial<Component> = {}): Component => ({
    'bom-ref': `${name}@1.0.0`,
    name,
    version: '1.0.0',
    licenses: [],
    properties: [],
    externalReferences: [],
    ...more,
  });
  const npms = (...components: Component[]): Bill => ({
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    metadata: { component: listed('@us/project', { name: 'a-folder' }) },
    components,
    dependencies: [{ ref: '@us/project@1.0.0', dependsOn: ['a@1.0.0', 'b@1.0.0'] }],
  });

  test('locations: are removed, except the website', () => {
    const website = { type: 'website', url: 'https://example.com/a' };
    const places = {
      properties: [{ name: 'cdx:npm:package:path', value: 'node_modules/a' }],
      externalReferences: [
        { type: 'distribution', url: 'https://packages.example.com/a.tgz' },
        website,
        { type: 'vcs', url: 'file:///home/a' },
      ],
    };
    const { components, metadata } = billOf(npms(listed('a', places)), new Set());
    expect(components).toEqual([listed('a', { scope: 'excluded', externalReferences: [website] })]);
    expect(metadata.component.name).toBe('@us/project');
  });

  test('extraneous package: is removed, also as a dependency', () => {
    const extraneous = { properties: [{ name: 'cdx:npm:package:extraneous', value: 'true' }] };
    const { components, dependencies } = billOf(npms(listed('a'), listed('b', extraneous)), new Set(['a@1.0.0']));
    expect(components).toEqual([listed('a', { scope: 'required' })]);
    expect(dependencies).toEqual([{ ref: '@us/project@1.0.0', dependsOn: ['a@1.0.0'] }]);
  });

  test('package in two folders: is listed once', () => {
    const { components } = billOf(npms(listed('a'), listed('b'), listed('a')), new Set());
    expect(components.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('shipped package that is missing: is an error', () => {
    const bare = () => billOf(npms(listed('a')), new Set(['a@1.0.0', 'a@2.0.0']));
    expect(bare).toThrow('in a bundle but not in the lock file: a@2.0.0');
  });
});

describe('licences', () => {
  test.each(['MIT', '(MIT OR GPL-3.0-or-later)', 'GPL-3.0-only OR ISC', 'MIT AND Apache-2.0'])(
    '%s: is allowed',
    text => {
      expect(isAllowed(text, allowed)).toBe(true);
    },
  );

  test.each([
    ...['GPL-3.0-only', 'AGPL-3.0-or-later', 'MPL-2.0', 'MIT AND GPL-3.0-only', 'GPL-2.0-only OR AGPL-3.0-only'],
    ...['', 'none', 'mit', 'SEE LICENSE IN LICENSE', 'UNLICENSED', '(MIT OR GPL-3.0-only) AND GPL-2.0-only'],
    ...['Apache-2.0 WITH LLVM-exception', '(MIT OR ISC) AND (GPL-2.0-only OR GPL-3.0-only)'],
  ])('%j: is not allowed', text => {
    expect(isAllowed(text, allowed)).toBe(false);
  });

  test.each<[Component['licenses'], string]>([
    [[{ license: { id: 'MIT' } }], 'MIT'],
    [[{ license: { name: 'Our own' } }], 'Our own'],
    [[{ expression: 'MIT OR ISC' }], 'MIT OR ISC'],
    [[{ license: { id: 'MIT' } }, { license: { id: 'GPL-3.0-only' } }], 'MIT AND GPL-3.0-only'],
    [[], 'none'],
  ])('%j: is read as %s', (licenses, text) => {
    expect(licenceOf({ licenses })).toBe(text);
  });
});

const work = mkdtempSync(join(tmpdir(), 'erasure-tools-'));
afterAll(() => rmSync(work, { recursive: true }));

const run = (name: string, ...args: string[]) =>
  spawnSync(process.execPath, [`infra/tools/${name}.ts`, ...args], { encoding: 'utf8' });

describe('tools', () => {
  test('licences: are printed one per line and are all allowed', () => {
    const { status, stdout, stderr } = run('licences');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^[\w.-]+ +(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/);
    expect(stdout).toMatch(/^MIT +valibot@/m);
  });

  test('licences: one that is not allowed is named, with exit code 1', () => {
    const { status, stderr } = run('licences', '--only', 'Apache-2.0');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^not allowed: MIT of @middy\/core@[\d.]+$/m);
    expect(stderr).not.toContain('@aws-sdk');
  });

  test('sbom: prints JSON to a file or to standard output', () => {
    const file = join(work, 'sbom.cdx.json');
    expect(run('sbom', '--out', file)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const { stdout } = run('sbom');
    for (const text of [stdout, readFileSync(file, 'utf8')]) {
      expect(JSON.parse(text)).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5' });
    }
  });

  test('sbom: a file that cannot be written is one line and exit code 1', () => {
    const { status, stdout, stderr } = run('sbom', '--out', join(work, 'no-folder', 'sbom.cdx.json'));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe('--out: the file cannot be written (ENOENT)\n');
  });

  test('sbom: needs npm', () => {
    const env = { PATH: work };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/tools/sbom.ts'], { encoding: 'utf8', env });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe('npm cannot list the installed packages: run npm ci with npm 10 or newer\n');
  });

  test.each(['exported-names', 'trace-request'])('%s --help: fits 80 columns', name => {
    const { status, stdout } = run(name, '--help');
    expect([status, stdout.split('\n').filter(line => line.length > 80)]).toEqual([0, []]);
  });

  test.each(['sbom', 'licences'])('%s --help: is also printed for unknown arguments', name => {
    const asked = run(name, '--help');
    expect(asked).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`npm run ${name} -- --`) });
    for (const wrong of ['--hepl', 'more']) {
      expect(run(name, wrong)).toMatchObject({ status: 2, stdout: '', stderr: asked.stdout });
    }
  });
});
