import { expect, onTestFinished } from 'vitest';
import type { Adapters } from '../../lambda/services.ts';

export interface Forbidden<T> {
  readonly port: T;
  /** The names of what was called. */
  readonly calls: readonly string[];
}

/** Returns an adapter that must not be called: a call of it, or of any of its methods, is recorded and throws. */
export function forbidden<T extends object>(name: string): Forbidden<T> {
  const calls: string[] = [];
  const refuse = (what: string) => () => {
    calls.push(what);
    throw new Error(`${what} must not be called`);
  };
  const port = new Proxy(refuse(name), {
    get: (_, member) => (member === 'then' || typeof member === 'symbol' ? undefined : refuse(`${name}.${member}`)),
  });
  return { port: port as unknown as T, calls };
}

/** Options of a harness whose store must not be called, which is asserted when the test ends. */
export function untouchedStore(): { readonly change: () => Pick<Adapters, 'store'> } {
  const { port, calls } = forbidden<Adapters['store']>('store');
  onTestFinished(() => expect(calls).toEqual([]));
  return { change: () => ({ store: port }) };
}

/** Returns the adapters to other services; `calls` returns the names of what was called. */
export function forbiddenAdapters(): {
  readonly ports: Pick<Adapters, 'store' | 'control' | 'readSecret' | 'send' | 'sendCallback'>;
  calls(): readonly string[];
} {
  const store = forbidden<Adapters['store']>('store');
  const control = forbidden<Adapters['control']>('control');
  const readSecret = forbidden<Adapters['readSecret']>('readSecret');
  const send = forbidden<Adapters['send']>('send');
  const sendCallback = forbidden<Adapters['sendCallback']>('sendCallback');
  return {
    ports: {
      store: store.port,
      control: control.port,
      readSecret: readSecret.port,
      send: send.port,
      sendCallback: sendCallback.port,
    },
    calls: () => [store, control, readSecret, send, sendCallback].flatMap(port => port.calls),
  };
}
