import { expect, test } from 'vitest';
import { office } from './office.ts';

const why = ['--why', 'a drill', '--by', 'on-call'];

test('pauses and resumes a scope, says when it was so already, and who did so and why', async () => {
  const { run } = await office();
  expect(await run('pause', 'platform:ketch', ...why)).toMatchObject({
    status: 0,
    lines: ['platform:ketch: paused now'],
  });
  expect(await run('pauses')).toMatchObject({ status: 0, lines: ['platform:ketch: paused'] });
  expect(await run('pause', 'platform:ketch', ...why)).toMatchObject({
    status: 3,
    lines: ['platform:ketch: was paused already'],
  });
  expect((await run('pauses', 'platform:ketch')).lines[0]).toBe('platform:ketch: paused');
  expect(await run('resume', 'platform:ketch', ...why)).toMatchObject({ lines: ['platform:ketch: not paused now'] });
  expect(await run('resume', 'platform:ketch', ...why)).toMatchObject({
    status: 3,
    lines: ['platform:ketch: was not paused already'],
  });
  expect((await run('pauses')).lines).toEqual(['nothing is paused']);
  const [state, ...turns] = (await run('pauses', 'platform:ketch')).lines;
  expect(state).toBe('platform:ketch: not paused');
  expect(turns.map(turn => turn.replace(/^ +\S+Z +/, ''))).toEqual([
    ...['pause by on-call: a drill', 'resume by on-call: a drill'],
  ]);
});

test('tells scripts the same', async () => {
  const { run } = await office();
  const scope = 'project:main';
  expect((await run('pause', scope, ...why, '--json')).json).toEqual({ scope, paused: true, changed: true });
  expect((await run('pauses', '--json')).json).toEqual({ paused: [scope] });
  const turn = { what: 'pause', actor: 'on-call', reason: 'a drill', at: expect.any(Number) };
  expect((await run('pauses', scope, '--json')).json).toEqual({ [scope]: [turn] });
});

test('keeps the name of whoever uses this machine, where nobody is named', async () => {
  const { run } = await office();
  await run('pause', 'all', '--why', 'a drill');
  expect((await run('pauses', 'all')).lines[1]).toMatch(/pause by \S+: a drill$/);
});

test.each([
  [['pause', 'platform:ketch'], '--why: must say the reason'],
  [['pause', 'platform:', '--why', 'x'], 'SCOPE: must be all, platform:NAME or project:NAME'],
  [['pause', 'all', 'all', '--why', 'x'], 'pause: name one scope'],
  [['pause', 'project:mian', '--why', 'x'], 'SCOPE: names nothing of the settings'],
  [['pause', 'platform:constructor', '--why', 'x'], 'SCOPE: names nothing of the settings'],
  [['resume', '--why', 'x'], 'resume: name one scope'],
  [['pauses', 'ketch'], 'SCOPE: must be all, platform:NAME or project:NAME'],
  [['pause', 'all', '--why', 'x'.repeat(501)], '--why: at most 500 characters'],
  [['pause', 'all', '--why', 'x', '--by', ' '], '--by: must say who'],
  [
    ['pause', 'all', '--why', 'asked by ada@example.com'],
    '--why: holds an e-mail address, and it is kept for 25 months',
  ],
])('refuses %j: %s', async ([name = '', ...args], message) => {
  const { run } = await office();
  await expect(run(name, ...args)).rejects.toThrow(message);
});
