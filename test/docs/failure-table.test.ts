import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'test/README.md'), 'utf8');

/** The paths of the page, each with the test title behind it, if there is one. */
const named = [...page.matchAll(/`([\w.-]+\/[\w./*-]*)`(?: "([^"]+)")?/g)].map(([, path = '', title = '']) => ({
  path,
  title,
}));

/** Returns the files that a path of the page means: below `test/`, with or without `.test.ts`, or from the root. */
function filesOf(path: string): readonly string[] {
  const patterns = [`test/${path}.test.ts`, `test/${path}.ts`, `test/${path}`, path];
  return patterns.flatMap(pattern => globSync(pattern, { cwd: root }));
}

describe('test/README.md', () => {
  test('rows: name their tests', () => {
    expect(named.length).toBeGreaterThan(60);
  });

  test.each(named)('$path "$title": exists', ({ path, title }) => {
    const files = filesOf(path).filter(file => existsSync(join(root, file)));
    expect(files).not.toEqual([]);
    if (title === '') return;
    expect(files.some(file => readFileSync(join(root, file), 'utf8').includes(title))).toBe(true);
  });
});
