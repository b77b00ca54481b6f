import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';
import { Failure } from '../../lambda/domain/failure.ts';
import { eventSecretName, pepperName, platformSecretName, projectSecretName } from '../../lambda/domain/names.ts';
import type { ReadSecret } from '../../lambda/io/secret-cache.ts';
import type { Proof } from '../../lambda/platforms/generic/schema.ts';
import { resolveSettings } from '../../lambda/platforms/generic/schema.ts';
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { isGeneric } from '../../lambda/platforms/index.ts';
import { publicKeyOf, type Signer } from '../../lambda/receipts/evidence.ts';
import { eventProjects, type Settings } from '../../lambda/settings.ts';

/** The header value that Ketch sends to a local run. */
export const localKetchSecret = 'Bearer ketch-shared-secret-7f3c';

/** Secrets of a local run. They are public: they protect only fictitious customers. */
const pepper = 'local-pepper-that-guards-invented-people-only';

const platforms: Readonly<Record<string, object>> = {
  ketch: { current: localKetchSecret },
  transcend: { current: 'custom-header-secret-91ab', apiKey: 'transcend-api-key-test' },
  segment: { current: 'segment-shared-secret-55d1', header: 'custom-header-secret-91ab' },
  shopify: { current: 'shpss_throwaway_client_secret_0001' },
};

/** The secret of every other platform. The signing key also serves as a header value. */
const signing = { current: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' };
const basic = { current: 'local:password-of-a-local-run' };

/** Returns all secrets that the settings require, by logical name. */
export function embeddedSecretTexts(settings: Settings): Readonly<Record<string, string>> {
  const texts = new Map<string, string>([[pepperName, pepper]]);
  for (const [name, section] of Object.entries(settings.platforms)) {
    const secret = isGeneric(section) || name === 'generic' ? genericSecret(section) : (platforms[name] ?? signing);
    texts.set(platformSecretName(name), JSON.stringify(secret));
  }
  for (const project of Object.keys(settings.projects)) {
    texts.set(projectSecretName(project), JSON.stringify(localKeys(project)));
  }
  for (const project of eventProjects(settings)) {
    texts.set(eventSecretName(project), JSON.stringify({ current: localEventSecret }));
  }
  return Object.fromEntries(texts);
}

/** Signs the events of the sandbox. */
export const localEventSecret = 'local-event-secret-of-the-sandbox';

/** Returns the application key of a project in the sandbox. */
export function localKeys(project: string): { readonly appId: string; readonly appToken: string } {
  return { appId: `app-${project}`, appToken: `token-${project}` };
}

/** Returns a secret that fits the authentication of a generic platform, with every entry of `named` that it needs. */
function genericSecret(section: unknown): object {
  const { proofs, callback, pull, oauth } = resolveSettings(v.parse(genericSettings, section));
  const named = proofs.flatMap(proof =>
    'secret' in proof && proof.secret !== undefined ? [[proof.secret, secretOf(proof)] as const] : [],
  );
  const own = proofs.find(proof => proof.kind !== 'jwt' && proof.secret === undefined);
  const sent = [...JSON.stringify([callback, pull?.headers]).matchAll(/\{secret:([^}]+)\}/g)].map(
    ([, name = '']) => [name, { current: `local-${name}` }] as const,
  );
  const client = oauth === undefined ? [] : [[oauth.secret, { current: 'local-client:local-secret' }] as const];
  const all = Object.fromEntries([...sent, ...client, ...named]);
  return { ...secretOf(own), ...(Object.keys(all).length === 0 ? {} : { named: all }) };
}

function secretOf(proof: Proof | undefined): object {
  if (proof?.kind === 'basic') return basic;
  return proof?.kind === 'hmac' && proof.key !== 'text' ? { current: keyText(proof.key) } : signing;
}

/** Returns the local signing key in another encoding. */
function keyText(encoding: 'base64' | 'hex'): string {
  return Buffer.from(signing.current.replace('whsec_', ''), 'base64').toString(encoding);
}

/** Returns a reader of the given secrets, by logical name. They never change, so `fresh` has no effect. */
export function embeddedSecrets(values: Readonly<Record<string, string>>): ReadSecret {
  return async name => {
    const text = Object.hasOwn(values, name) ? values[name] : undefined;
    if (text !== undefined) return text;
    throw new Failure('unavailable', `the secret ${name} is not usable`, { alarm: 'secret-unusable' });
  };
}

/** Returns a signer that replaces KMS. Its key is in a file that only its owner may read, or in memory; created if missing. */
export function localSigner(file: string): Signer {
  const key = file === ':memory:' ? generateKey() : readKey(file);
  return {
    publicKey: async () => publicKeyOf(createPublicKey(key)),
    sign: async bytes => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }),
  };
}

/** Two processes that start at the same time use the key of the faster one: creating a link is atomic. */
function readKey(file: string): KeyObject {
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, generateKey().export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    linkUnlessExists(draft, file);
    unlinkSync(draft);
  }
  return createPrivateKey(readFileSync(file));
}

function linkUnlessExists(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
