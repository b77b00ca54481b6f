import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

/** Numbers of the threats, by STRIDE's letters, and of the attacks that succeeded once. */
const threats = { S: 10, T: 5, R: 4, I: 10, D: 5, E: 6, A: 12 };
const ids = Object.entries(threats).flatMap(([letter, many]) =>
  Array.from({ length: many }, (_, before) => `${letter}${before + 1}`),
);

const rows = page
  .split('\n')
  .filter(line => line.startsWith('| '))
  .map(line => line.split('|').map(cell => cell.trim()))
  .map(([, id = '', threat = '', control = '', tests = '']) => ({ id, threat, control, tests }));

/** Files that a text names, each with every test behind it; with an empty name if there is none. */
function shownBy(text: string) {
  return [...text.matchAll(/`(test\/[^`]+)`((?:,? "[^"]+")*)/g)].flatMap(([, file = '', titles = '']) => {
    const names = [...titles.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
    return names.length === 0 ? [{ file, name: '' }] : names.map(name => ({ file, name }));
  });
}

describe('the threat model', () => {
  test('threats: are listed once, in order', () => {
    expect(rows.map(({ id }) => id).filter(id => /^[A-Z]\d+$/.test(id))).toEqual(ids);
  });

  test.each(ids)('%s: the page says what prevents it, and names the test that shows it', id => {
    const { threat, control, tests } = rows.find(row => row.id === id) ?? { threat: '', control: '', tests: '' };
    expect(threat).not.toBe('');
    expect(control).not.toBe('');
    expect(shownBy(tests).length).toBeGreaterThan(0);
  });

  test.each(shownBy(page))('$file: exists and contains $name', ({ file, name }) => {
    expect(existsSync(join(root, file))).toBe(true);
    expect(readFileSync(join(root, file), 'utf8')).toContain(name);
  });
});

test('OWASP’s ten risks for APIs: each leads to rows that exist', () => {
  const risks = rows.filter(({ id }) => /^API\d+ /.test(id));
  expect(risks.map(({ id }) => id.split(' ')[0])).toEqual(
    Array.from({ length: 10 }, (_, before) => `API${before + 1}`),
  );
  for (const { threat } of risks) {
    const named = threat.match(/\b[STRIDE]\d\b/g) ?? [];
    expect(named.length).toBeGreaterThan(0);
    for (const id of named) expect(ids).toContain(id);
  }
});
