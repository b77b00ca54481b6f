import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folders = ['*.md', 'docs/**/*.md', 'test/**/*.md', '.github/**/*.md'];
// The peers of the benchmark have packages in a folder of their own.
const pages = globSync(folders, { cwd: root, exclude: ['**/node_modules/**'] }).sort();

/** Returns the anchors of a page: its headings, as GitHub writes them. */
function anchors(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Returns the links of a page to other files and headings of the project. */
function linksIn(page: string): readonly string[] {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/```[\s\S]*?```/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => (/^[a-z]+:/.test(link) ? [] : [link]));
}

describe('links between pages', () => {
  test.each(pages)('%s: leads to files and headings that exist', page => {
    const broken = linksIn(page).filter(link => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(root, join(root, dirname(page), path));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchors(readFileSync(join(root, target), 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  // The sources of fixtures name files of other projects.
  test.each(pages.filter(page => !page.startsWith('test/fixtures/')))('%s: names files that exist', page => {
    const text = readFileSync(join(root, page), 'utf8');
    const named = [...text.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.(?:ts|py|md))`/g)].map(([, file = '']) => file);
    const places = ['', 'lambda', 'infra', 'test', dirname(page)];
    const isMissing = (file: string) => places.every(place => !existsSync(join(root, place, file)));
    expect(named.filter(isMissing)).toEqual([]);
  });

  test('docs/README.md: lists every page of docs/', () => {
    const listed = linksIn('docs/README.md').map(link => relative(root, join(root, 'docs', link)));
    const others = pages.filter(page => page.startsWith('docs/') && page !== 'docs/README.md');
    expect(others.filter(page => !listed.includes(page))).toEqual([]);
  });

  test.each(['README.md', 'RUNBOOK.md', 'docs/troubleshooting.md'])('%s: begins with a list of its sections', page => {
    const text = readFileSync(join(root, page), 'utf8');
    const [before = ''] = text.split(/^## /m);
    const sections = [...text.matchAll(/^## .+$/gm)].flatMap(([heading]) => anchors(heading));
    const listed = [...before.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(listed.toSorted()).toEqual(sections.toSorted());
  });
});
