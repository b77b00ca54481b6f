import { beforeAll, describe, expect, test } from 'vitest';
import { type Bill, bill, billOf, type Component, shippedIn } from '../../infra/supply/bill.ts';
import { allowed, isAllowed, licenceOf } from '../../infra/supply/licence-rules.ts';
import packageJson from '../../package.json' with { type: 'json' };

let whole: Bill;
let shipped: readonly Component[];
beforeAll(async () => {
  whole = await bill();
  shipped = shippedIn(whole);
});

describe('what is shipped', () => {
  test('is what is inside the bundles, and no tool that makes or tests them', () => {
    const names = shipped.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['valibot', '@middy/core', '@aws-sdk/client-dynamodb']));
    for (const tool of ['aws-cdk-lib', 'constructs', 'cdk-nag', 'esbuild', 'vitest', 'typescript', 'jose']) {
      expect(names).not.toContain(tool);
    }
  });

  test('holds nothing that would record calls with their URLs', () => {
    const recorders = /xray|powertools|opentelemetry|datadog|newrelic|sentry|lumigo/i;
    expect(shipped.map(one => one['bom-ref']).filter(ref => recorders.test(ref))).toEqual([]);
  });

  test('has a name, a version, an address and a licence, each', () => {
    for (const one of shipped) {
      expect(one).toMatchObject({ name: expect.stringMatching(/./), version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
      expect(one['purl']).toBe(`pkg:npm/${one.name.replace('@', '%40')}@${one.version}`);
      expect(licenceOf(one)).not.toBe('none');
    }
  });

  test('is under licences that are allowed', () => {
    expect(shipped.filter(one => !isAllowed(licenceOf(one), allowed))).toEqual([]);
  });
});

describe('the bill of materials', () => {
  test('has what CycloneDX asks for, and names the project and not its folder', () => {
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

  test('lists the tools beside what is shipped, as excluded, and each once', () => {
    const tools = whole.components.filter(({ scope }) => scope === 'excluded').map(({ name }) => name);
    expect(tools).toEqual(expect.arrayContaining(['aws-cdk-lib', 'constructs', 'cdk-nag', 'esbuild', 'vitest']));
    const refs = whole.components.map(one => one['bom-ref']);
    expect(refs).toEqual([...new Set(refs)]);
    expect(whole.dependencies).toHaveLength(new Set(whole.dependencies.map(({ ref }) => ref)).size);
    expect(tools.length + shipped.length).toBe(refs.length);
  });

  test('says what needs what, among those that it lists', () => {
    const refs = new Set([whole.metadata.component, ...whole.components].map(one => one['bom-ref']));
    for (const { ref, dependsOn } of whole.dependencies) {
      for (const one of [ref, ...dependsOn]) expect(refs).toContain(one);
    }
  });

  test('says nothing of the machine that it was made on', () => {
    const text = JSON.stringify(whole);
    expect(text).not.toMatch(/file:|"distribution"|node_modules|\.tgz|registry/);
    expect(text).not.toContain(process.cwd());
  });
});

describe('of what npm lists', () => {
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

  test('places are left out, and where to read about a package stays', () => {
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

  test('what no lock file names is left out, also as something needed', () => {
    const extraneous = { properties: [{ name: 'cdx:npm:package:extraneous', value: 'true' }] };
    const { components, dependencies } = billOf(npms(listed('a'), listed('b', extraneous)), new Set(['a@1.0.0']));
    expect(components).toEqual([listed('a', { scope: 'required' })]);
    expect(dependencies).toEqual([{ ref: '@us/project@1.0.0', dependsOn: ['a@1.0.0'] }]);
  });

  test('a package that lies in two folders is listed once', () => {
    const { components } = billOf(npms(listed('a'), listed('b'), listed('a')), new Set());
    expect(components.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('nothing that is shipped may be missing', () => {
    const bare = () => billOf(npms(listed('a')), new Set(['a@1.0.0', 'a@2.0.0']));
    expect(bare).toThrow('in a bundle and not in the lock file: a@2.0.0');
  });
});
