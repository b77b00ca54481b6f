import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { run } from './desk-of.ts';
import { by, erased, office, standing, stopped } from './office.ts';

describe('many at once', () => {
  test('a line for each, by its number where it is no receipt; some failed is exit code 1', async () => {
    const at = await office();
    const [one, other] = [await stopped(at), await erased(at)];
    const mixed = await at.run('retry', one, 'ada@example.com', other, one, ...by('zoe', 'mended'));
    expect(mixed).toMatchObject({
      status: 1,
      lines: [
        `${one}: goes on with the next sweep, and stops again unless fewer customers match by then: see --max`,
        'number 2: no such receipt',
        `${other}: closed already as erased: nothing is left to be done`,
      ],
    });
    expect(mixed.progress).toContain('2 of 3');
    // Named twice, decided once.
    expect((await standing(at, one)).decisions).toHaveLength(1);
  });

  test('as JSON, in the same order', async () => {
    const at = await office();
    const id = await stopped(at);
    expect((await at.run('refuse', id, 'nobody', ...by('zoe', 'mended'), '--json')).json).toEqual([
      { receipt: id, result: 'changed', said: 'will be closed as refused by the next sweep' },
      { receipt: 'number 2', result: 'not-found', said: 'no such receipt' },
    ]);
  });

  test('says of each that the store could not be reached, and goes on', async () => {
    const at = await office();
    const [one, other] = [await stopped(at), await stopped(at, 'other@example.com')];
    const broken = {
      ...at.desk.store,
      replace: async (next: Receipt) => next.id !== one && at.desk.store.replace(next),
    };
    expect(await run({ ...at.desk, store: broken }, 'retry', one, other, ...by('zoe', 'x'))).toMatchObject({
      status: 1,
      lines: [
        'number 1: nothing was changed: the receipt cannot be written',
        `${other}: goes on with the next sweep, and stops again unless fewer customers match by then: see --max`,
      ],
    });
  });

  test('from standard input, as a process', async () => {
    const at = await office();
    const ids = [await stopped(at), await stopped(at, 'other@example.com')];
    const { status, stdout, stderr } = at.process(['retry', '-', ...by('zoe', 'mended')], `${ids.join('\r\n')}\n\n`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      ids
        .map(
          id => `${id}: goes on with the next sweep, and stops again unless fewer customers match by then: see --max\n`,
        )
        .join(''),
    );
    expect(at.process(['retry', '-', ...by('zoe', 'mended')])).toMatchObject({
      status: 2,
      stderr: 'retry: name receipts, or - for standard input\n',
    });
  });
});
