import { outbound, type Send } from './outbound.ts';
import { checkedLookup, isPublicAddress, type Resolve, systemResolve } from './public-address.ts';

/** Bytes of a callback's answer that are read; nobody looks at them. */
const largestAnswer = 1024;

/** Sends callbacks, whose URLs come from a request: only to addresses that are checked, and connected to as checked. */
export function callbackSender(
  now: () => number,
  resolve: Resolve = systemResolve,
  isAllowed: (address: string) => boolean = isPublicAddress,
): Send {
  return outbound(now, { lookup: checkedLookup(resolve, isAllowed), largest: largestAnswer, cut: true });
}
