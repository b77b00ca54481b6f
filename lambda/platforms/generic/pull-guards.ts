import { isAllowedOrigin } from '../../domain/allowed-origin.ts';
import type { ResolvedSettings } from './schema.ts';
import { parseTemplate, variablesIn } from './template.ts';
import { inboundProblems, inboundSecrets, isSentSecret, type SettingsProblem, unmet } from './template-guards.ts';

const literalUrl = 'must be an address without variables on an origin of callbackOrigins';

/** Returns what is wrong with the pull of a platform, or with one that neither calls nor is asked. */
export function pullProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { pull, isPullOnly, callback } = settings;
  if (pull === undefined) return isPullOnly ? [{ path: ['authentication'], message: 'is missing' }] : [];
  return [
    ...unmet(
      [isLiteralUrl(pull.url, settings.callbackOrigins), ['pull', 'url'], literalUrl],
      [pull.method === 'POST' || pull.body === undefined, ['pull', 'body'], 'needs the method POST'],
      [
        callback !== undefined && 'url' in callback,
        ['callback'],
        'must have a url beside pull, which tells the outcome',
      ],
      [
        settings.rules.every(rule => rule.do !== 'withdraw'),
        ['rules'],
        'must not withdraw: an order that is pulled is open',
      ],
      [!settings.hasUselessReplies, ['answers'], 'has no effect without authentication, like each and statusAnswers'],
    ),
    ...headerProblems(Object.values(pull.headers ?? {}), settings),
  ];
}

/** Returns what is wrong with the endpoint of access tokens. */
export function oauthProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { oauth, pull, callback, callbackOrigins } = settings;
  if (oauth === undefined) return [];
  const headers = [pull?.headers, callback !== undefined && 'headers' in callback ? callback.headers : {}];
  const isUsed = headers.some(one => Object.values(one ?? {}).some(text => variablesIn(text).includes('token')));
  return unmet(
    [isLiteralUrl(oauth.url, callbackOrigins), ['oauth', 'url'], literalUrl],
    [!inboundSecrets(settings).includes(oauth.secret), ['oauth', 'secret'], 'must not be a secret of authentication'],
    [isUsed, ['oauth'], 'has no effect without {token} in headers of pull or callback'],
  );
}

function headerProblems(texts: readonly string[], settings: ResolvedSettings): SettingsProblem[] {
  const path = ['pull', 'headers'];
  const names = texts.flatMap(variablesIn);
  if (texts.some(text => parseTemplate(text) === undefined) || !names.every(name => isSentSecret(name, settings)))
    return [
      { path, message: 'may contain {secret:name}, {token} beside oauth and no other variable, {{ is a literal brace' },
    ];
  return inboundProblems(path, texts, settings);
}

/** Returns whether a URL is exactly an address on one of the origins: literal, and without user, password or fragment. */
function isLiteralUrl(url: string, origins: readonly string[]): boolean {
  return !/[{}#\s\\]/.test(url) && isAllowedOrigin(url, origins) && URL.parse(url)?.href === url;
}
