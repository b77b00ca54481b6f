import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OpsContext } from '../../infra/ops/context.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { forbidden } from '../support/forbidden-adapters.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { pullFixture, pullRecipeNames, recipeFixture, recipeNames, recipeText } from '../support/recipes.ts';
import { run } from './ops-harness.ts';

/** A context that has the settings of a recipe and nothing else. */
function contextOf(name: string, change: object = {}): OpsContext {
  const { projects, platforms } = JSON.parse(recipeText(name)) as {
    projects: object;
    platforms: Record<string, object>;
  };
  const section = { ...platforms[name], ...change };
  const settings = parseSettings(JSON.stringify({ projects, platforms: { [name]: section, ketch } }), 'deployed');
  return Object.assign(Object.create(forbidden<OpsContext>('context').port) as OpsContext, { settings });
}

const ketch = { tenants: ['axonic'], environments: ['production'], identities: {} };

function explained(name: string, body: string, change: object = {}, headers?: object) {
  const folder = temporaryFolder();
  const files = { body: join(folder, 'body.json'), headers: join(folder, 'headers.json') };
  writeFileSync(files.body, body);
  writeFileSync(files.headers, JSON.stringify(headers ?? {}));
  const more = headers === undefined ? [] : ['--headers', files.headers];
  return run(contextOf(name, change), 'explain', name, '--body', files.body, ...more);
}

describe('explain', () => {
  test.each(recipeNames)('%s: its message is accepted, and no value of it is printed', async name => {
    const { request, customers } = recipeFixture(name);
    const { status, lines } = await explained(name, request.rawBody, {}, request.headers);
    expect([status, lines.at(-1)]).toEqual([0, expect.stringMatching(/^result: [12] erasure\(s\)$/)]);
    expect(lines.join('\n')).toContain('matches: erase');
    for (const { email, source_id } of customers) expect(lines.join()).not.toMatch(new RegExp(`${email}|${source_id}`));
  });

  test.each(pullRecipeNames)('%s: its page is read as orders, and no value of it is printed', async name => {
    const { page, customers } = pullFixture(name);
    const { status, lines } = await explained(name, JSON.stringify(page));
    expect([status, lines.at(-1)]).toEqual([0, 'result: 1 erasure(s)']);
    expect(lines.slice(0, 2)).toEqual(['order 1 of 1', 'rule: 1 of 1 matches: erase']);
    expect(lines.join('\n')).toMatch(
      /\npull: every \d+ minutes, (GET|POST) to https:\/\/\S+, at most 10 pages\ncallback: /,
    );
    expect(lines.join()).not.toMatch(/replies/);
    for (const { email, source_id } of customers) expect(lines.join()).not.toMatch(new RegExp(`${email}|${source_id}`));
  });

  test('message: the rule, the places, the replies and the callback are shown', async () => {
    const { request } = recipeFixture('osano');
    expect((await explained('osano', request.rawBody)).lines).toEqual([
      'rule: 1 of 1 matches: erase',
      '  reference: /dsarActionItemId: found, number',
      '  email: /email: found, string',
      'replies: erased 200, no_match 200, not_identifiable 200, refused 200, in_progress 200, needs_review 200, ignored 200 (default), test 200 (default)',
      'callback: always, PATCH to https://api.osano.com/v1/subject-rights/action-items/{/dsarActionItemId}, for erased, no_match, not_identifiable, refused',
      'result: 1 erasure(s)',
    ]);
  });

  test('no rule matches: names the places that differ', async () => {
    const body = JSON.stringify({ action: 'access', requestId: 'R-1' });
    const { status, lines } = await explained('onetrust', body);
    expect([status, lines[0], lines[1], lines.at(-1)]).toEqual([
      1,
      'rule: none of 1 matches: refuse',
      '  rule 1: not as required: /action',
      'result: refused with 400: /action: does not have the value that the settings require',
    ]);
  });

  test.each([
    ['not JSON', 'ada', 'result: refused with 400: body: is not JSON'],
    ['a list', '[]', 'result: refused with 400: body: is a list, and the settings have no each'],
  ])('%s: says why it is refused', async (_, body, last) => {
    expect(await explained('onetrust', body)).toMatchObject({ status: 1, lines: expect.arrayContaining([last]) });
  });

  test('a list: explains its first orders, and names what is unreadable', async () => {
    const { request } = recipeFixture('hubspot');
    const orders = [...(JSON.parse(request.rawBody) as object[]), { subscriptionType: 'contact.privacyDeletion' }];
    const { lines } = await explained('hubspot', JSON.stringify(orders));
    expect(lines[0]).toBe('order 1 of 4');
    expect(lines.at(-1)).toBe('result: 2 erasure(s); unreadable: /portalId: is missing');
  });

  test('--json: says whether the message is accepted', async () => {
    const folder = temporaryFolder();
    const body = join(folder, 'body.json');
    writeFileSync(body, JSON.stringify({ requestedAction: 'SUMMARIZE' }));
    const { status, json } = await run(contextOf('osano'), 'explain', 'osano', '--body', body, '--json');
    expect([status, json]).toEqual([0, { accepted: true, lines: expect.arrayContaining(['result: ignored']) }]);
  });

  test('a test, a missing place, and every source of identifiers are shown', async () => {
    const change = {
      rules: [{ when: {}, do: 'erase' }],
      identifiers: [
        { list: '/mails', value: '', kind: 'email' },
        { list: '/ids', type: '/t', value: '/v', kinds: { a: 'email' } },
      ],
      submittedAt: { at: '/at', unit: 's' },
      dueAt: '/due',
      test: '/trial',
      callback: { urls: '/back' },
      callbackOrigins: ['https://a.example'],
    };
    const { lines } = await explained('onetrust', JSON.stringify({ requestId: 'r', trial: true, ids: [] }), change);
    expect(lines).toEqual([
      'rule: 1 of 1 matches: erase',
      '  reference: /requestId: found, string',
      '  identifiers: /mails: missing',
      '  identifiers: /ids: a list of 0',
      '  submittedAt: /at: missing',
      '  dueAt: /due: missing',
      '  test: /trial: found, boolean',
      expect.stringMatching(/^replies: erased 200 \(default\)/),
      'callback: late, POST to the URL at /back, for every outcome',
      'result: a test',
    ]);
    const valid = { ...change, identifiers: { '/ids': 'email' } };
    expect((await explained('onetrust', '{"requestId":"r","trial":true}', valid)).lines.at(-1)).toBe('result: a test');
  });

  test('arguments: an unknown platform, one that is not generic, and no file are usage errors', async () => {
    await expect(run(contextOf('osano'), 'explain', 'ketch', '--body', 'x')).rejects.toThrow(
      'PLATFORM: must be a generic platform in the settings: osano',
    );
    const { settings, ...rest } = contextOf('osano');
    const none = { ...rest, settings: { ...settings, platforms: {} } };
    await expect(run(none, 'explain', 'osano', '--body', 'x')).rejects.toThrow(/in the settings, and there is none$/);
    await expect(run(contextOf('osano'), 'explain', 'osano')).rejects.toThrow('--body: give a file');
    await expect(run(contextOf('osano'), 'explain', 'osano', '--body', '/none')).rejects.toThrow(
      '--body: the file cannot be read',
    );
    await expect(explained('osano', '{}', {}, [1])).rejects.toThrow('--headers: must be a JSON object of texts');
  });
});
