import { randomBytes } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** 24 letters and digits, as in Voucherify's example ids. Unlikely to repeat; not evenly spread, so no secret. */
export function randomId(): string {
  return Array.from(randomBytes(24), byte => ALPHABET.charAt(byte % ALPHABET.length)).join('');
}
