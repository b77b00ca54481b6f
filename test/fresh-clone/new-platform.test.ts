import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clone, cloneWorkingTree } from './clone.ts';

let clone: Clone;
beforeAll(() => {
  clone = cloneWorkingTree();
});
afterAll(() => clone.remove());

describe('npm run new-platform', () => {
  test('skeleton: is formatted and typed, and passes the suite of all platforms and of the documents', async () => {
    const { code, stdout } = await clone.script('new-platform', ['data-hub']);
    expect(code).toBe(0);
    const files = [...stdout.matchAll(/^wrote (.+)$/gm)].map(([, file = '']) => file);
    expect(files).toHaveLength(7);
    expect(await clone.script('biome', ['check', '--write', ...files])).toMatchObject({ code: 0 });
    expect(await clone.script('tsc', ['--noEmit'])).toMatchObject({ code: 0, stdout: '' });
    const tests = ['test/platforms/data-hub.test.ts', 'test/docs/links.test.ts', 'test/infra/settings-schema.test.ts'];
    const ran = await clone.script('vitest', ['run', ...tests]);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  });

  test.each([
    ['ketch', 'lambda/platforms/ketch.ts exists already'],
    ['generic', 'test/platforms/generic.test.ts exists already'],
    ['Data_Hub', 'NAME: one name of lower-case letters, digits and hyphens, such as my-platform'],
    ['', 'NAME: one name of lower-case letters, digits and hyphens, such as my-platform'],
  ])('name %j: is refused, and changes nothing', async (name, says) => {
    const table = () => readFileSync(join(clone.folder, 'lambda/platforms/index.ts'), 'utf8');
    const before = table();
    expect(await clone.script('new-platform', [name])).toEqual({ code: 1, stdout: '', stderr: `${says}\n` });
    expect(table()).toBe(before);
  });
});
