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
  readonly ports: Pick<Ports, 'store' | 'readSecret' | 'send'>;
  calls(): readonly string[];
} {
  const store = inert<Ports['store']>('store');
  const readSecret = inert<Ports['readSecret']>('readSecret');
  const send = inert<Ports['send']>('send');
  return {
    ports: { store: store.port, readSecret: readSecret.port, send: send.port },
    calls: () => [store, readSecret, send].flatMap(port => port.calls),
  };
}
