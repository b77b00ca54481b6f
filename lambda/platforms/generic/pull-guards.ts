import { isPullUrl } from './pull.ts';
import type { ResolvedSettings } from './schema.ts';
import { parseTemplate, variablesIn } from './template.ts';
import { inboundSecrets, type SettingsProblem } from './template-guards.ts';
import { secretVariable } from './variables.ts';

/** Returns what is wrong with the pull of a platform, or with one that neither calls nor is asked. */
export function pullProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { pull, isPullOnly, callback } = settings;
  if (pull === undefined) return isPullOnly ? [{ path: ['authentication'], message: 'is missing' }] : [];
  const rules: readonly (readonly [boolean, readonly string[], string])[] = [
    [
      isPullUrl(pull.url, settings.callbackOrigins),
      ['pull', 'url'],
      'must be an address without variables on an origin of callbackOrigins',
    ],
    [pull.method === 'POST' || pull.body === undefined, ['pull', 'body'], 'needs the method POST'],
    [callback !== undefined && 'url' in callback, ['callback'], 'must have a url beside pull, which tells the outcome'],
    [
      settings.rules.every(rule => rule.do !== 'withdraw'),
      ['rules'],
      'must not withdraw: an order that is pulled is open',
    ],
    [!settings.hasUselessReplies, ['answers'], 'has no effect without authentication, like each and statusAnswers'],
  ];
  return [
    ...rules.flatMap(([holds, path, message]) => (holds ? [] : [{ path, message }])),
    ...headerProblems(Object.values(pull.headers ?? {}), settings),
  ];
}

function headerProblems(texts: readonly string[], settings: ResolvedSettings): SettingsProblem[] {
  const path = ['pull', 'headers'];
  const names = texts.flatMap(variablesIn);
  if (texts.some(text => parseTemplate(text) === undefined) || names.some(name => secretVariable(name) === undefined))
    return [{ path, message: 'may contain {secret:name} and no other variable, {{ is a literal brace' }];
  const isInbound = names.some(name => inboundSecrets(settings).includes(secretVariable(name) ?? ''));
  return isInbound ? [{ path, message: 'must not hold a secret of authentication' }] : [];
}
