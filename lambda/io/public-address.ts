import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';
import { createHttpClient, type Send } from './http-client.ts';

/** Resolves a host name to all its addresses. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** Addresses outside the public internet (IANA special-purpose address registries). */
const special = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(net, prefix, 'ipv6');
}

const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Returns whether an address is on the public internet. IPv6 is allowed only from the global unicast block. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4');
  return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** Resolves with the resolver of the operating system. */
export const systemResolve: Resolve = hostname => lookup(hostname, { all: true, verbatim: true });

/**
 * Returns a look-up for connections that may only go to the public internet. The connection uses the checked addresses, so
 * DNS cannot change between check and use. One forbidden address rejects the name. Node does not call it for IP addresses;
 * the client checks those.
 */
export function checkedLookup(resolve: Resolve, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      addresses => {
        const [first] = addresses;
        const allowed = first !== undefined && addresses.every(({ address }) => isAllowed(address));
        if (!allowed) callback(new Error('the name resolves to an address that is not public'), '', 0);
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      () => callback(new Error('the name cannot be resolved'), '', 0),
    );
  };
}

/** Bytes of a callback's response that are read; they are not used. */
const maxCallbackResponseBytes = 1024;

/** Returns a client for callbacks, whose URLs come from requests: it connects only to checked addresses. */
export function createCallbackClient(
  now: () => number,
  resolve: Resolve = systemResolve,
  isAllowed: (address: string) => boolean = isPublicAddress,
): Send {
  const send = createHttpClient(now, {
    lookup: checkedLookup(resolve, isAllowed),
    maxResponseBytes: maxCallbackResponseBytes,
    cut: true,
  });
  return async call => (isForbiddenTarget(call.url, isAllowed) ? notConnected : send(call));
}

const notConnected = { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false } as const;

/** Returns whether a URL is forbidden: an IP address, which is never looked up, or plain http except to loopback. */
function isForbiddenTarget({ protocol, hostname }: URL, isAllowed: (address: string) => boolean): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return protocol === 'https:' ? isIP(address) !== 0 && !isAllowed(address) : hostname !== '127.0.0.1';
}
