/*
 * Loaded before an unchanged bundle. It replaces the network and, on request, the clock: listed host names lead to a port
 * of this machine, every other name or address is refused, and the clock can be ahead.
 */
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/** `host:port=port`, separated by commas. */
const pairs = (process.env['REDIRECTED_PORTS'] ?? '').split(',').map(pair => pair.split('='));
const ports = new Map(pairs.map(([name = '', port]) => [name, Number(port)]));
const aheadMs = Number(process.env['CLOCK_AHEAD_MS'] ?? 0);

/** A public address for code that checks addresses before it connects; nothing connects to it. */
const publicAddress = { address: '8.8.8.8', family: 4 };
const loopback = { address: '127.0.0.1', family: 4 };

type Options = net.TcpNetConnectOpts;
type Found = (error: Error | null, address: string | dns.LookupAddress[], family?: number) => void;

/** Runs the bundle's own look-up, if it has one, and replaces the result by loopback. */
function toLoopback(original: net.LookupFunction | undefined): net.LookupFunction {
  return (host, options, found: Found) => {
    const substitute = (error: Error | null) => {
      if (error !== null) found(error, '', 0);
      else if (options.all === true) found(null, [loopback]);
      else found(null, loopback.address, loopback.family);
    };
    if (original === undefined) substitute(null);
    else original(host, options, substitute);
  };
}

const refused: net.LookupFunction = (host, _, found) => found(new Error(`${host}: not a redirected host`), '', 0);

function redirected(options: Options): Options {
  const { host = 'localhost', port } = options;
  const target = ports.get(`${host}:${port}`);
  if (target !== undefined) return { ...options, port: target, lookup: toLoopback(options.lookup) };
  return host === '127.0.0.1' || host === 'localhost' ? options : { ...options, host: 'refused', lookup: refused };
}

const connect = net.Socket.prototype.connect;
/** TLS passes options and a listener; plain TCP passes both in one array. */
Object.defineProperty(net.Socket.prototype, 'connect', {
  value(this: net.Socket, first: Options | [Options], ...rest: readonly unknown[]) {
    if (Array.isArray(first)) first[0] = redirected(first[0]);
    return Reflect.apply(connect, this, [Array.isArray(first) ? first : redirected(first), ...rest]);
  },
});

const lookup = dns.promises.lookup;
Object.defineProperty(dns.promises, 'lookup', {
  value: (host: string, options: dns.LookupOptions) =>
    [...ports.keys()].some(name => name.startsWith(`${host}:`))
      ? Promise.resolve(options.all === true ? [publicAddress] : publicAddress)
      : lookup(host, options),
});
syncBuiltinESMExports();

if (aheadMs !== 0) {
  const now = Date.now;
  Date.now = () => now() + aheadMs;
}
