import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { printSkipped } from '../support/skipped.ts';

function model(...args: readonly string[]) {
  return spawnSync('python3', [join(import.meta.dirname, 'receipt-protocol.py'), ...args], { encoding: 'utf8' });
}

/** Whether Python can run the model here; says so on stdout when it cannot. */
function pythonIsHere(): boolean {
  const here = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0;
  if (!here) printSkipped('the model of the receipt protocol needs python3, version 3.9 or newer');
  return here;
}

describe.skipIf(!pythonIsHere())('model of the receipt protocol', () => {
  test('the protocol has no violation, each removed ingredient has its own, and README states the counts', () => {
    const { status, stdout, stderr } = model();
    expect({ status, stderr, unexpected: /expected: .*/.exec(stdout)?.[0] }).toEqual({ status: 0, stderr: '' });
    const counted = [...stdout.matchAll(/^protocol, .*: ([\d,]+) states, violations: none/gm)].map(
      ([, count]) => count,
    );
    const page = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
    const stated = [...page.matchAll(/^\| .* \| ([\d,]+) \| none \|$/gm)].map(([, count]) => count);
    expect(counted).toHaveLength(4);
    expect(stated).toEqual(counted);
    expect(stdout.match(/^without "/gm)?.length).toBeGreaterThan(15);
  }, 600_000);

  test('--help fits 80 columns, and an unknown option is a usage error', () => {
    const { status, stdout } = model('--help');
    expect({ status, tooLong: stdout.split('\n').filter(line => line.length > 80) }).toEqual({
      status: 0,
      tooLong: [],
    });
    expect(model('--hepl').status).toBe(2);
  });
});
