import { isPullUrl } from './pull.ts';
import type { ResolvedSettings } from './schema.ts';
import { parseTemplate, variablesIn } from './template.ts';
import { inboundSecrets, isSentSecret, type SettingsProblem } from './template-guards.ts';
import { secretVariable } from './variables.ts';

const literalUrl = 'must be an address without variables on an origin of callbackOrigins';

/** Returns what is wrong with the pull of a platform, or with one that neither calls nor is asked. */
export function pullProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { pull, isPullOnly, callback } = settings;
  if (pull === undefined) return isPullOnly ? [{ path: ['authentication'], message: 'is missing' }] : [];
  const rules: readonly (readonly [boolean, readonly string[], string])[] = [
    [isPullUrl(pull.url, settings.callbackOrigins), ['pull', 'url'], literalUrl],
    [pull.method === 'POST' || pull.body === undefined, ['pull', 'body'], 'needs the method POST'],
    [callback !== undefined && 'url' in callback, ['callback'], 'must have a url beside pull, which tells the outcome'],
    [!settings.hasUselessReplies, ['answers'], 'has no effect without authentication, like each and statusAnswers'],
  ];
  return [
    ...rules.flatMap(([holds, path, message]) => (holds ? [] : [{ path, message }])),
    ...headerProblems(Object.values(pull.headers ?? {}), settings),
  ];
}

/** Returns what is wrong with the endpoint of access tokens. */
export function oauthProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { oauth, pull, callback, callbackOrigins } = settings;
  if (oauth === undefined) return [];
  const headers = [pull?.headers, callback !== undefined && 'headers' in callback ? callback.headers : {}];
  const isUsed = headers.some(one => Object.values(one ?? {}).some(text => variablesIn(text).includes('token')));
  const rules: readonly (readonly [boolean, readonly string[], string])[] = [
    [isPullUrl(oauth.url, callbackOrigins), ['oauth', 'url'], literalUrl],
    [!inboundSecrets(settings).includes(oauth.secret), ['oauth', 'secret'], 'must not be a secret of authentication'],
    [isUsed, ['oauth'], 'has no effect without {token} in headers of pull or callback'],
  ];
  return rules.flatMap(([holds, path, message]) => (holds ? [] : [{ path, message }]));
}

function headerProblems(texts: readonly string[], settings: ResolvedSettings): SettingsProblem[] {
  const path = ['pull', 'headers'];
  const names = texts.flatMap(variablesIn);
  if (texts.some(text => parseTemplate(text) === undefined) || !names.every(name => isSentSecret(name, settings)))
    return [
      { path, message: 'may contain {secret:name}, {token} beside oauth and no other variable, {{ is a literal brace' },
    ];
  const isInbound = names.some(name => inboundSecrets(settings).includes(secretVariable(name) ?? ''));
  return isInbound ? [{ path, message: 'must not hold a secret of authentication' }] : [];
}
