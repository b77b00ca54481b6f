import { isIP } from 'node:net';
import { createHttpClient, type Send } from './outbound.ts';
import { checkedLookup, isPublicAddress, type Resolve, systemResolve } from './public-address.ts';

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

const nobodyAsked = { kind: 'no-answer', code: 'not-connected', effect: 'none' } as const;

/** An address in digits is never looked up, so it is checked here; plain http goes to nothing but this machine. */
function leadsAstray({ protocol, hostname }: URL, isAllowed: (address: string) => boolean): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return protocol === 'https:' ? isIP(address) !== 0 && !isAllowed(address) : hostname !== '127.0.0.1';
}
