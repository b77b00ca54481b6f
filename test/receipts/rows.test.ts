import { describe, expect, test } from 'vitest';
import { isErasePartition, oldestFirst, parsePartition, partitionName } from '../../lambda/receipts/rows.ts';

describe('partition of the queue erase', () => {
  test('name: says the platform and the projects in any order', () => {
    expect(partitionName({ platform: 'shop', projects: ['us', 'main'] })).toBe('erase#shop#main,us');
    expect(parsePartition('erase#shop#main,us')).toEqual({ platform: 'shop', projects: ['main', 'us'] });
    expect(parsePartition(partitionName({ platform: 'shop', projects: [] }))).toEqual({
      platform: 'shop',
      projects: [],
    });
  });

  test.each(['erase', 'erase#shop', 'erase#shop#main#more', 'other#shop#main', ''])(
    '%j: is of another version or of no pause',
    name => {
      expect(parsePartition(name)).toBeUndefined();
    },
  );

  test('queue: is known by its name, whatever follows', () => {
    expect(['erase', 'erase#shop#main', 'erase#'].every(isErasePartition)).toBe(true);
    expect(['callback', 'erased', 'other#erase#', ''].some(isErasePartition)).toBe(false);
  });
});

test('what is due in several partitions, merged: the oldest first and each once, and those of one time by their ids', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(id => ({ id, at: 5 }));
  const first = { id: 'z', at: 1 };
  expect(
    oldestFirst(
      [
        [b!, c!],
        [a!, first],
      ],
      9,
    ),
  ).toEqual(['z', 'a', 'b', 'c']);
  expect(
    oldestFirst(
      [
        [a!, b!],
        [a!, c!],
      ],
      2,
    ),
  ).toEqual(['a', 'b']);
  expect(oldestFirst([[c!, b!, a!]], -1)).toEqual([]);
});
