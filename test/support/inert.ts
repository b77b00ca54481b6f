import type { Adapters } from '../../lambda/parts.ts';

export interface Inert<T> {
  readonly port: T;
  /** What was called all the same, by name. */
  readonly calls: readonly string[];
}

/** A port that must not be touched: calling it, or any method of it, is remembered and throws. */
export function inert<T extends object>(name: string): Inert<T> {
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

/** Every port to the outside, inert; `calls` names whatever was touched of any of them. */
export function inertPorts(): {
  readonly ports: Pick<Adapters, 'store' | 'control' | 'readSecret' | 'send' | 'sendCallback'>;
  calls(): readonly string[];
} {
  const store = inert<Adapters['store']>('store');
  const control = inert<Adapters['control']>('control');
  const readSecret = inert<Adapters['readSecret']>('readSecret');
  const send = inert<Adapters['send']>('send');
  const sendCallback = inert<Adapters['sendCallback']>('sendCallback');
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
