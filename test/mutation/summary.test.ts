import { describe, expect, test } from 'vitest';
import { readResult, summaryOf } from './summary.ts';

const location = { start: { line: 1, column: 11 }, end: { line: 1, column: 16 } };
const mutant = (status: string) => ({ status, replacement: 'a <= b', location });
const statuses = ['Killed', 'Timeout', 'Survived', 'NoCoverage', 'Ignored', 'CompileError'];
const report = JSON.stringify({
  files: { 'lambda/x/y.ts': { source: 'const x = a < b;\n', mutants: statuses.map(mutant) } },
});

describe('summary of mutation tests', () => {
  test('report: counts killed mutants, and names the others with their change', () => {
    const { alive, ...counts } = readResult('x', [report, report]);
    expect(counts).toEqual({ name: 'x', killed: 4, total: 8 });
    expect(alive.slice(0, 2)).toEqual([
      { place: 'lambda/x/y.ts:1', change: 'a < b -> a <= b', status: 'Survived' },
      { place: 'lambda/x/y.ts:1', change: 'a < b -> a <= b', status: 'NoCoverage' },
    ]);
  });

  test('row of a folder: is added once, and then replaced', () => {
    const page = '# Title\n\n| folder | killed | mutants | share |\n|---|---|---|---|\n\nText\n';
    const first = summaryOf(page, { name: 'x', killed: 1, total: 2, alive: [] });
    expect(first).toContain('|---|---|---|---|\n| x | 1 | 2 | 50.0 % |\n\nText');
    const second = summaryOf(first, { name: 'y', killed: 2, total: 2, alive: [] });
    expect(summaryOf(second, { name: 'x', killed: 2, total: 2, alive: [] })).toContain(
      '| x | 2 | 2 | 100.0 % |\n| y | 2 | 2 | 100.0 % |\n\nText',
    );
  });
});
