import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import example from '../../infra/settings.json' with { type: 'json' };
import { readStackOptions } from '../../infra/stack/stack.ts';
import { SettingsError } from '../../lambda/settings.ts';

const work = mkdtempSync(join(tmpdir(), 'erasure-options-'));
afterAll(() => rmSync(work, { recursive: true }));

function options(context: Readonly<Record<string, unknown>>) {
  return () => readStackOptions(context);
}

function file(name: string, text: string): string {
  writeFileSync(join(work, name), text);
  return join(work, name);
}

test('options of the app: default to the example settings and no stage', () => {
  const { settings, ...others } = options({})();
  expect(others).toEqual({ stage: undefined, apiLogRole: 'create', rollbackOnAlarms: true });
  expect(settings).toMatchObject({ projects: { main: { baseUrl: 'https://api.voucherify.io' } } });
});

test('options of the app: stage, settings and log role are read', () => {
  const settings = file('other.json', JSON.stringify({ ...example, limits: { delaySeconds: 900 } }));
  expect(options({ stage: 'test-2', settings, apiLogRole: 'existing', rollbackOnAlarms: 'false' })()).toMatchObject({
    stage: 'test-2',
    rollbackOnAlarms: false,
    apiLogRole: 'existing',
    settings: { limits: { delaySeconds: 900 } },
  });
});

test('options of the app: the context of the CDK and of cdk.json is ignored', () => {
  const context = { ...cdkJson.context, 'aws:cdk:bundling-stacks': [], '@aws-cdk/core:bootstrapQualifier': 'acme' };
  const looked = { 'availability-zones:account=1:region=eu-west-1': [] };
  expect(options({ ...context, ...looked })().stage).toBeUndefined();
});

test('unknown option of the app: is an error, because a misspelt stage would deploy to production', () => {
  const says = '-c stagee, -c Settings: unknown; the options are stage, settings, apiLogRole, rollbackOnAlarms';
  expect(options({ stagee: 'hunter2', Settings: 'hunter2' })).toThrow(new SettingsError([says]));
});

describe('invalid options of the app: one line without the value', () => {
  test.each([
    {
      what: 'settings that are not JSON',
      context: { settings: file('no.json', '{"hunter2"') },
      says: 'are not JSON (line 1, column 11)',
    },
    { what: 'a file that is missing', context: { settings: 'hunter2' }, says: 'the file cannot be read (ENOENT)' },
    { what: 'a folder', context: { settings: work }, says: 'the file cannot be read (EISDIR)' },
    { what: 'a path that is none', context: { settings: { hunter2: 1 } }, says: '-c settings must be a path' },
    {
      what: 'a role of another kind',
      context: { apiLogRole: 'hunter2' },
      says: '-c apiLogRole must be create or existing',
    },
    {
      what: 'a switch of another kind',
      context: { rollbackOnAlarms: 'hunter2' },
      says: '-c rollbackOnAlarms must be true or false',
    },
  ])('$what', ({ context, says }) => {
    expect(options(context)).toThrow(new SettingsError([says]));
  });

  test.each(['hunter2_', 'Hunter2', '2hunter', '', 'hunter2-is-too-long', 2, true])('stage %j', stage => {
    const says = '-c stage must be a lower-case name of at most 16 letters, digits and dashes';
    expect(options({ stage })).toThrow(new SettingsError([says]));
  });
});
