import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

function demo(...args: readonly string[]) {
  // Nothing of this machine's environment gets in, so that no AWS variable can.
  return spawnSync(process.execPath, ['infra/local/demo.ts', ...args], { encoding: 'utf8', env: {} });
}

test('npm run demo shows both acts to their end', () => {
  const { status, stdout, stderr } = demo();
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [, first = '', second = '', third = ''] = stdout.split('\n=== ');
  expect(first).toContain('"reason": "executed"');
  expect(first).toMatch(/"id": "del_\w{24}"/);
  expect(second).toContain('"status": "in_progress"');
  expect(second).toContain('"lastResult": "voucherify-500"');
  expect(third).toContain('Ketch hears of the end: POST /callback');
  expect(third).toMatch(/"state": "erased"[\s\S]*"endedAt"/);
});

test('it has a help', () => {
  expect(demo('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('npm run demo') });
});
