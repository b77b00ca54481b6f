import { expect, test } from 'vitest';
import { Failure } from '../../lambda/failure.ts';
import { jsonLog, logged } from '../../lambda/io/log.ts';

test('each line is one JSON object, stamped with the clock that it was given', () => {
  const written: string[] = [];
  let now = Date.parse('2026-01-15T12:00:00.123Z');
  const log = jsonLog(
    line => written.push(line),
    () => now,
  );
  log({ event: 'sweep', claimed: 2, code: 'two\nlines' });
  now += 1000;
  log({ event: 'alarm', alarm: 'internal', platform: 'ketch' });
  expect(written).toEqual([
    '{"time":"2026-01-15T12:00:00.123Z","event":"sweep","claimed":2,"code":"two\\nlines"}\n',
    '{"time":"2026-01-15T12:00:01.123Z","event":"alarm","alarm":"internal","platform":"ketch"}\n',
  ]);
});

test('a refusal is logged by code, alarm and origin, and never by its message', () => {
  expect(logged(new Failure('invalid', 'message'))).toEqual({ code: 'invalid' });
  const full = new Failure('internal', 'message', { alarm: 'internal', origin: 'receive.ts:1:2', headers: { a: 'b' } });
  expect(logged(full)).toEqual({ code: 'internal', alarm: 'internal', origin: 'receive.ts:1:2' });
});
