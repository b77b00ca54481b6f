import type { Ports } from '../../lambda/parts.ts';

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
  readonly ports: Pick<Ports, 'store' | 'control' | 'readSecret' | 'send' | 'sendCallback'>;
  calls(): readonly string[];
} {
  const store = inert<Ports['store']>('store');
  const control = inert<Ports['control']>('control');
  const readSecret = inert<Ports['readSecret']>('readSecret');
  const send = inert<Ports['send']>('send');
  const sendCallback = inert<Ports['sendCallback']>('sendCallback');
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
