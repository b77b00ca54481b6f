import { describe, expect, test } from 'vitest';
import {
  isPauseScope,
  type Pause,
  type PauseScope,
  pause,
  readPauseHistory,
  readPauses,
  readStops,
  resume,
  scopesOf,
} from '../../lambda/control/pauses.ts';
import type { VersionedRow, VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { memoryRows } from '../support/memory-rows.ts';

const why: Pause = { actor: 'ada', reason: 'the shop moves', at: 1000 };
const later: Pause = { actor: 'bob', reason: 'it has moved', at: 2000 };
const scopes: readonly PauseScope[] = ['all', 'platform:ketch', 'project:main'];
const turn = (action: string, { actor, reason, at }: Pause) => ({ action, actor, reason, at });
const pausedIn = async (rows: VersionedStore) => [...(await readPauses(scopes, rows)).paused];

test('scopes of a receipt: all, its platform and its projects', () => {
  expect(scopesOf('ketch', ['main', 'us'])).toEqual(['all', 'platform:ketch', 'project:main', 'project:us']);
  expect(scopesOf('ketch', [])).toEqual(['all', 'platform:ketch']);
});

describe('scope', () => {
  test.each(['all', 'platform:ketch', 'platform:in-house-2', 'project:main'])('%s: is valid', text => {
    expect(isPauseScope(text)).toBe(true);
  });

  test.each([
    ...['', 'ALL', 'all ', 'ketch', 'platform:', 'platform:Ketch', 'project:a b', 'project:main\n', 'tenant:main'],
    'platform:a#b',
  ])('%j: is invalid', text => {
    expect(isPauseScope(text)).toBe(false);
  });
});

describe.each(scopes)('pause of %s', scope => {
  test('pause: applies to this scope only, with actor and reason', async () => {
    const rows = memoryRows();
    expect(await pausedIn(rows)).toEqual([]);
    expect(await pause(scope, why, rows)).toBe(true);
    expect(await pausedIn(rows)).toEqual([scope]);
    expect(rows.rows).toEqual(
      new Map([[`pause#${scope}`, { revision: 1, value: { pause: why, history: [turn('pause', why)] } }]]),
    );
  });

  test('second pause: does not replace the first reason', async () => {
    const rows = memoryRows();
    await pause(scope, why, rows);
    expect(await pause(scope, later, rows)).toBe(false);
    expect(rows.rows.get(`pause#${scope}`)?.value).toMatchObject({ pause: why });
  });

  test('resume: works once, with actor and reason, and the scope can be paused again', async () => {
    const rows = memoryRows();
    expect(await resume(scope, later, rows)).toBe(false);
    expect(rows.rows.size).toBe(0);
    await pause(scope, why, rows);
    expect(await resume(scope, later, rows)).toBe(true);
    expect(await pausedIn(rows)).toEqual([]);
    expect(rows.rows.get(`pause#${scope}`)?.value).toMatchObject({ pause: null, resumed: later });
    expect(await resume(scope, later, rows)).toBe(false);
    expect(await pause(scope, why, rows)).toBe(true);
    expect(await pausedIn(rows)).toEqual([scope]);
    expect(await readPauseHistory(scope, rows)).toEqual([
      turn('pause', why),
      turn('resume', later),
      turn('pause', why),
    ]);
  });

  test('history: keeps the last fifty changes', async () => {
    const rows = memoryRows();
    for (let at = 0; at < 30; at += 1) {
      await pause(scope, { ...why, at }, rows);
      await resume(scope, { ...later, at }, rows);
    }
    const turns = await readPauseHistory(scope, rows);
    expect(turns).toHaveLength(50);
    expect(turns.at(-1)).toEqual(turn('resume', { ...later, at: 29 }));
  });

  test('resume: stores the time', async () => {
    const rows = memoryRows();
    const resumedAt = async () => (await readPauses([scope], rows)).resumedAt.get(scope);
    expect(await resumedAt()).toBe(0);
    await pause(scope, why, rows);
    expect(await resumedAt()).toBe(0);
    await resume(scope, later, rows);
    expect(await resumedAt()).toBe(2000);
  });
});

describe('unreadable row', () => {
  test.each([
    ['no JSON', undefined],
    ['null', null],
    ['a text', 'paused'],
    ['nothing in it', {}],
    ['a pause of another kind', { pause: 'yes' }],
    ['a pause without a reason', { pause: { actor: 'ada', at: 1 } }],
    ['a pause without an end', { resumed: later }],
    ['an end of another kind', { pause: null, resumed: 'yes' }],
  ])('%s: counts as a pause and can be resumed', async (_, value) => {
    const rows = memoryRows();
    rows.rows.set('pause#all', { revision: 4, value });
    expect(await pausedIn(rows)).toEqual(['all']);
    expect((await readPauses(['all'], rows)).resumedAt.get('all')).toBe(0);
    expect(await pause('all', why, rows)).toBe(false);
    expect(await resume('all', later, rows)).toBe(true);
    expect(await pausedIn(rows)).toEqual([]);
  });

  test('unknown fields: are not unreadable', async () => {
    const rows = memoryRows();
    rows.rows.set('pause#all', { revision: 4, value: { pause: null, resumed: { ...later, ticket: 7 }, newer: 1 } });
    expect(await pausedIn(rows)).toEqual([]);
    await pause('all', why, rows);
    expect(rows.rows.get('pause#all')?.value).toMatchObject({ pause: why, newer: 1, resumed: { ticket: 7 } });
  });
});

describe('concurrent changes', () => {
  test('pause: succeeds once', async () => {
    const rows = memoryRows();
    const all = Array.from({ length: 20 }, (_, at) => pause('all', { ...why, actor: `actor-${at}` }, rows));
    const done = await Promise.all(all);
    expect(done.filter(Boolean)).toHaveLength(1);
    expect(rows.rows.get('pause#all')?.value).toMatchObject({
      pause: { ...why, actor: `actor-${done.indexOf(true)}` },
    });
  });

  test('resume: succeeds once', async () => {
    const rows = memoryRows();
    await pause('all', why, rows);
    const done = await Promise.all(Array.from({ length: 20 }, () => resume('all', later, rows)));
    expect(done.filter(Boolean)).toHaveLength(1);
  });

  test('result: is true only for the write that changed the row', async () => {
    const contested = memoryRows();
    const row: VersionedRow = { revision: 9, value: { pause: null } };
    const rows = { ...contested, write: async () => ({ written: false, row }) };
    await expect(pause('all', why, rows)).rejects.toMatchObject({ code: 'unavailable', alarm: 'store-unavailable' });
  });
});

test('unreachable store: throws and reports no state', async () => {
  const failure = new Failure('unavailable', 'the receipt store cannot be reached');
  const rows = { ...memoryRows(), read: async () => Promise.reject(failure) };
  await expect(readPauses(scopes, rows)).rejects.toBe(failure);
  await expect(pause('all', why, rows)).rejects.toBe(failure);
  await expect(resume('all', why, rows)).rejects.toBe(failure);
});

test('what stops a receipt: is read in one call', async () => {
  const rows = memoryRows();
  await readStops({ platform: 'ketch', projects: { main: {}, us: {}, eu: {} } }, rows, 0);
  expect(rows.calls).toEqual(['read']);
});
