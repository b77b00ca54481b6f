import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';
import { createHttpClient, type Send } from './http-client.ts';

/** Resolves a host name to all its addresses. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** Addresses that are not of the public internet (IANA special-purpose address registries). */
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

/** Whether an address is one of the public internet. IPv6 is taken only from the global unicast block. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4');
  return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** The system's resolver. */
export const systemResolve: Resolve = hostname => lookup(hostname, { all: true, verbatim: true });

/**
 * A look-up for a connection that may only go to the public internet: the addresses that were checked are the ones that
 * are connected to, so a name cannot change its mind in between. One bad address among them refuses the name. Node does
 * not ask it for addresses in digits; the sender checks those.
 */
export function checkedLookup(resolve: Resolve, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      addresses => {
        const [first] = addresses;
        const allowed = first !== undefined && addresses.every(({ address }) => isAllowed(address));
        if (!allowed) callback(new Error('the name leads to an address that is not public'), '', 0);
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      () => callback(new Error('the name cannot be resolved'), '', 0),
    );
  };
}

/** Bytes of a callback's answer that are read; nobody looks at them. */
const largestAnswer = 1024;

/** Sends callbacks, whose URLs come from a request: only to addresses that are checked, and connected to as checked. */
export function createCallbackClient(
  now: () => number,
  resolve: Resolve = systemResolve,
  isAllowed: (address: string) => boolean = isPublicAddress,
): Send {
  const send = createHttpClient(now, {
    lookup: checkedLookup(resolve, isAllowed),
    maxResponseBytes: largestAnswer,
    cut: true,
  });
  return async call => (leadsAstray(call.url, isAllowed) ? nobodyAsked : send(call));
}

const nobodyAsked = { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false } as const;

/** An address in digits is never looked up, so it is checked here; plain http goes to nothing but this machine. */
function leadsAstray({ protocol, hostname }: URL, isAllowed: (address: string) => boolean): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return protocol === 'https:' ? isIP(address) !== 0 && !isAllowed(address) : hostname !== '127.0.0.1';
}
