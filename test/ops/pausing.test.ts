import { expect, test } from 'vitest';
import { localFolder, ops } from './ops-process.ts';

test('pauses and resumes a scope, says when it was so already, and who did so and why', () => {
  const at = { DATA_DIR: localFolder() };
  const why = ['--why', 'a drill', '--by', 'on-call', '--local'];
  expect(ops(['pause', 'platform:ketch', ...why], at)).toMatchObject({
    status: 0,
    stdout: 'platform:ketch: paused now\n',
  });
  expect(ops(['pauses', '--local'], at).stdout).toBe('platform:ketch: paused\n');
  expect(ops(['pause', 'platform:ketch', ...why], at)).toMatchObject({
    status: 3,
    stdout: 'platform:ketch: was paused already\n',
  });
  expect(ops(['resume', 'platform:ketch', ...why, '--json'], at)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('"changed": true'),
  });
  expect(ops(['pauses', '--local'], at).stdout).toBe('nothing is paused\n');
  const history = ops(['pauses', 'platform:ketch', '--local'], at).stdout;
  expect(history).toMatch(
    /^platform:ketch: not paused\n {2}\S+Z {2}pause by on-call: a drill\n {2}\S+Z {2}resume by on-call/,
  );
});
