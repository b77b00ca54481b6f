import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import cdkJson from '../../cdk.json' with { type: 'json' };
import example from '../../infra/settings.json' with { type: 'json' };
import type { ErasureWebhookProps } from '../../infra/stack/erasure-webhook.ts';
import { ErasureStack } from '../../infra/stack/stack.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';

/** CDK's own check of the template costs a second a file; `cdk synth` as a process is tested with it. */
process.env['CDK_VALIDATION'] = 'false';

const outdirs = mkdtempSync(join(tmpdir(), 'erasure-templates-'));
process.once('exit', () => rmSync(outdirs, { recursive: true, force: true }));

/** The example settings, with some top-level sections replaced. */
export function settingsWith(change: Readonly<Record<string, unknown>> = {}): Settings {
  return parseSettings(JSON.stringify({ ...example, ...change }), 'deployed');
}

/** An app with our feature flags, but without the bundling, which takes seconds and is tried once, as a process. */
export function appOfTests(more: Readonly<Record<string, unknown>> = {}): App {
  const context = { ...cdkJson.context, ...unprinted, 'aws:cdk:bundling-stacks': [], ...more };
  return new App({ context, outdir: mkdtempSync(join(outdirs, 'app-')) });
}

/** The warning about a missing alarm e-mail would be printed for most templates. */
const unprinted = { '@aws-cdk/core:annotationsInValidationReport': false };

/** The stack as `cdk synth` makes it, without the bundling. */
export function synthesised(props: Partial<ErasureWebhookProps> = {}) {
  const app = appOfTests();
  const stack = new ErasureStack(app, 'Test', { settings: settingsWith(), ...props });
  const template = Template.fromStack(stack);
  return { app, stack, template, ...reading(template) };
}

/** Reads of a template what people call things, not what CloudFormation does. */
function reading(template: Template) {
  const resources = template.toJSON()['Resources'];
  const of = (type: string) => Object.values(template.findResources(type)).map(resource => resource['Properties']);
  const nameOf = (id: string): string => {
    const { Type, Properties } = resources[id] ?? {};
    if (Type === 'AWS::Lambda::Alias') return `${nameOf(Properties.FunctionName.Ref)}:${Properties.Name}`;
    const { TableName, Name, LogGroupName, FunctionName, TopicName } = Properties ?? {};
    const name = TableName ?? Name ?? LogGroupName ?? FunctionName ?? TopicName;
    return typeof name === 'string' ? name : id.replace(/^Erasure|[0-9A-F]{8}$/g, '');
  };
  /** References become names: `{Ref}` the name, `{Fn::GetAtt}` `arn(name)`, a join the joined text. */
  const readable = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(readable);
    if (typeof value !== 'object' || value === null) return value;
    const [[key, inside] = ['', undefined], ...others] = Object.entries(value);
    if (others.length === 0 && key === 'Ref') return nameOf(String(inside));
    if (others.length === 0 && key === 'Fn::GetAtt') return `arn(${nameOf(String(inside[0]))})`;
    if (others.length === 0 && key === 'Fn::Join') return inside[1].map(readable).join(inside[0]);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, readable(part)]));
  };
  return { resources, of, readable };
}

/** A statement of a policy that allows actions. */
export function allowed(Sid: string, Action: unknown, Resource: unknown) {
  return { Sid, Effect: 'Allow', Action, Resource };
}
