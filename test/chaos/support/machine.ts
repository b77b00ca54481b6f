import { Failure } from '../../../lambda/failure.ts';
import { cachedSecrets } from '../../../lambda/io/secret-cache.ts';
import { storeUnavailable } from '../../../lambda/io/store-failure.ts';
import { createServices, type Services } from '../../../lambda/parts.ts';
import { type Port, reaches, throws } from './faults.ts';
import { type Life, never, newLife } from './life.ts';
import type { Outside } from './outside.ts';
import { faultySend } from './wire.ts';

/** One running copy of the program, as Lambda starts it: services of its own, and so a memory of its own. */
export interface Machine {
  readonly services: Services;
  readonly life: Life;
}

const longestFreeze = 180_000;

/** A cold start. */
export function openMachine(outside: Outside): Machine {
  const life = newLife(outside.now, outside.wait);
  const random = outside.random.fork();
  const skew = Math.round(random.between(-outside.skewMs, outside.skewMs));
  const now = () => outside.now() + skew;
  const call = <T>(port: Port, verb: string, effect: () => Promise<T>) => through(port, verb, effect, outside, life);
  const { store, control } = outside.stores();
  const fetch = (name: string) => call('secret', name, async () => textOf(outside.secrets[name]));
  const services = createServices({
    settings: outside.settings,
    store: {
      accept: (receipt, kept) => call('store', 'accept', () => store.accept(receipt, kept)),
      read: id => call('store', 'read', () => store.read(id)),
      replace: (next, also) => call('store', 'replace', () => store.replace(next, also)),
      due: (queue, now, limit) => call('store', 'due', () => store.due(queue, now, limit)),
      readPersonalData: id => call('store', 'personal-data', () => store.readPersonalData(id)),
      find: mac => call('store', 'find', () => store.find(mac)),
    },
    control: {
      read: keys => call('control', 'read', () => control.read(keys)),
      write: (key, expected, value) => call('control', 'write', () => control.write(key, expected, value)),
      count: (key, expiresAt) => call('control', 'count', () => control.count(key, expiresAt)),
    },
    readSecret: cachedSecrets(fetch, { now, random: random.next, isOutage, failed: () => undefined }),
    send: faultySend({ port: 'voucherify', now, ...outside.voucherify }, outside, life),
    sendCallback: faultySend({ port: 'callback', now, sent: () => undefined, ...outside.callbacks }, outside, life),
    now,
    random: random.next,
    wait: async ms => {
      await outside.wait(ms);
      await life.awake();
    },
    log: outside.log,
    signer: {
      publicKey: () => call('signer', 'public-key', () => outside.signer.publicKey()),
      sign: bytes => call('signer', 'sign', () => outside.signer.sign(bytes)),
    },
  });
  return { services, life };
}

/** One call of a store or of the secrets; its effect happens on the other side, between the two ways. */
async function through<T>(port: Port, verb: string, effect: () => Promise<T>, outside: Outside, life: Life) {
  await life.awake();
  const fate = outside.fates(port, verb);
  const stallsFirst = fate === 'stall' && outside.random.chance(0.5);
  if (stallsFirst) await frozen(outside, life);
  await outside.travel(port, fate === 'slow' || fate === 'hang');
  if (!life.isAlive()) return afterDeath(effect, reaches(fate) && outside.random.chance(0.5));
  if (fate === 'crash-before') return life.crash();
  const result = reaches(fate) ? effect() : undefined;
  await result?.catch(() => undefined);
  if (fate === 'crash-after') return life.crash();
  await outside.travel(port, fate === 'slow');
  if (fate === 'stall' && !stallsFirst) await frozen(outside, life);
  await life.awake();
  if (result === undefined || throws(fate)) throw port === 'secret' ? noSecret() : storeUnavailable();
  return result;
}

function frozen({ random }: Outside, life: Life): Promise<void> {
  life.freeze(random.between(1000, longestFreeze));
  return life.awake();
}

async function afterDeath<T>(effect: () => Promise<T>, happens: boolean): Promise<never> {
  if (happens) await effect().catch(() => undefined);
  return never();
}

function textOf(text: string | undefined): string {
  if (text === undefined) throw noSecret();
  return text;
}

function noSecret(): Failure {
  return new Failure('unavailable', 'the secret cannot be read', { alarm: 'secret-unusable' });
}

/** Here nobody ever denies access: a secret that cannot be read is an outage, and what was read before is served. */
function isOutage(): boolean {
  return true;
}
