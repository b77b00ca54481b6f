import { Failure } from '../../../lambda/domain/failure.ts';
import { cachedSecrets } from '../../../lambda/io/secret-cache.ts';
import { storeUnavailable } from '../../../lambda/receipts/rows.ts';
import { createServices, type Services } from '../../../lambda/services.ts';
import { type Environment, type Lifecycle, never, newLifecycle } from './environment.ts';
import { type Port, takesEffect, throws } from './faults.ts';
import { faultySend } from './network.ts';

/** One execution environment of Lambda: the program with its own services and memory. */
export interface Machine {
  readonly services: Services;
  readonly lifecycle: Lifecycle;
}

const longestFreeze = 180_000;

/** Starts a machine: a cold start. */
export function openMachine(environment: Environment): Machine {
  const lifecycle = newLifecycle(environment.now, environment.wait);
  const random = environment.random.fork();
  const skew = Math.round(random.between(-environment.skewMs, environment.skewMs));
  const now = () => environment.now() + skew + environment.clockErrorMs();
  const call = <T>(port: Port, verb: string, effect: () => Promise<T>) =>
    through(port, verb, effect, environment, lifecycle);
  const { store, control } = environment.stores();
  const fetch = (name: string) => call('secret', name, async () => textOf(environment.secrets[name]));
  const services = createServices({
    settings: environment.settings,
    store: {
      accept: (...given) => call('store', 'accept', () => store.accept(...given)),
      read: id => call('store', 'read', () => store.read(id)),
      replace: (next, also) => call('store', 'replace', () => store.replace(next, also)),
      due: (...asked) => call('store', 'due', () => store.due(...asked)),
      readPersonalData: id => call('store', 'personal-data', () => store.readPersonalData(id)),
      readPins: id => call('store', 'pins', () => store.readPins(id)),
      find: mac => call('store', 'find', () => store.find(mac)),
      findErased: mac => call('store', 'find', () => store.findErased(mac)),
      addAddendum: addendum => call('store', 'add-addendum', () => store.addAddendum(addendum)),
      readAddendum: id => call('store', 'read', () => store.readAddendum(id)),
      replaceAddendum: next => call('store', 'replace', () => store.replaceAddendum(next)),
      addendaOf: id => call('store', 'read', () => store.addendaOf(id)),
    },
    control: {
      read: keys => call('control', 'read', () => control.read(keys)),
      write: (key, expected, value, expiresAt) =>
        call('control', 'write', () => control.write(key, expected, value, expiresAt)),
      advance: (key, expected, step) => call('control', 'advance', () => control.advance(key, expected, step)),
      moveBack: (key, from, to) => call('control', 'moveBack', () => control.moveBack(key, from, to)),
      count: (key, expiresAt) => call('control', 'count', () => control.count(key, expiresAt)),
    },
    readSecret: cachedSecrets(fetch, { now, random: random.next, isOutage, failed: () => undefined }),
    send: faultySend({ port: 'voucherify', now, ...environment.voucherify }, environment, lifecycle),
    sendCallback: faultySend(
      { port: 'callback', now, sent: () => undefined, ...environment.callbacks },
      environment,
      lifecycle,
    ),
    now,
    random: random.next,
    wait: async ms => {
      await environment.wait(ms);
      await lifecycle.whenRunning();
    },
    log: environment.log,
    signer: {
      publicKey: () => call('signer', 'public-key', () => environment.signer.publicKey()),
      sign: bytes => call('signer', 'sign', () => environment.signer.sign(bytes)),
    },
  });
  return { services, lifecycle };
}

/** Makes one adapter call with its fault. The effect happens between the two one-way delays. */
async function through<T>(
  port: Port,
  verb: string,
  effect: () => Promise<T>,
  environment: Environment,
  lifecycle: Lifecycle,
) {
  await lifecycle.whenRunning();
  const fault = environment.chooseFault(port, verb);
  const stallsFirst = fault === 'stall' && environment.random.chance(0.5);
  if (stallsFirst) await frozen(environment, lifecycle);
  await environment.transmit(port, fault === 'slow' || fault === 'hang');
  if (!lifecycle.isAlive()) return finishAfterCrash(effect, takesEffect(fault) && environment.random.chance(0.5));
  if (fault === 'crash-before') return lifecycle.crash();
  const result = takesEffect(fault) ? effect() : undefined;
  await result?.catch(() => undefined);
  if (fault === 'crash-after') return lifecycle.crash();
  await environment.transmit(port, fault === 'slow');
  if (fault === 'stall' && !stallsFirst) await frozen(environment, lifecycle);
  await lifecycle.whenRunning();
  if (result === undefined || throws(fault)) throw port === 'secret' ? noSecret() : storeUnavailable();
  return result;
}

function frozen({ random }: Environment, lifecycle: Lifecycle): Promise<void> {
  lifecycle.freeze(random.between(1000, longestFreeze));
  return lifecycle.whenRunning();
}

async function finishAfterCrash<T>(effect: () => Promise<T>, happens: boolean): Promise<never> {
  if (happens) await effect().catch(() => undefined);
  return never();
}

function textOf(text: string | undefined): string {
  if (text === undefined) throw noSecret();
  return text;
}

function noSecret(): Failure {
  return new Failure('unavailable', 'the secret is unavailable', { alarm: 'secret-unusable' });
}

/** No fault denies access here: a secret that cannot be read is an outage, and the cached value is used. */
function isOutage(): boolean {
  return true;
}
