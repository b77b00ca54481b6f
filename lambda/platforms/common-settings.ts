import { isIP } from 'node:net';
import * as v from 'valibot';
import { loopbackOrigin } from '../domain/allowed-origin.ts';

/** What every platform's settings may hold. */
export const commonSettings = {
  /** Names of the projects its requests are routed to; all of them when absent. */
  projects: v.optional(v.pipe(v.array(v.string()), v.nonEmpty('must name at least one project'))),
  /** Exact origins (`https://host`, in a local run also `http://127.0.0.1:port`) that callbacks may go to. */
  callbackOrigins: v.optional(
    v.array(v.pipe(v.string(), v.check(isCallbackOrigin, 'must be an origin such as https://host'))),
    [],
  ),
};

export const nonEmptyStrings = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  v.nonEmpty('must hold at least one entry'),
);

export const headerName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]+$/, 'must be a header name'));

export const identityKind = v.picklist(
  ['customer_id', 'source_id', 'email', 'phone'],
  'must be customer_id, source_id, email or phone',
);

/** What an identity of the platform is in Voucherify. */
export const identityKinds = v.record(v.string(), identityKind);

/** Whether a text is exactly an origin, with no path behind it: https, or plain http on this machine. */
export function isOrigin(text: string): boolean {
  return (text.startsWith('https://') || loopbackOrigin.test(text)) && URL.parse(text)?.origin === text;
}

/** Callbacks, whose URLs come from a request, go to port 443 of a named host and to nothing else. */
function isCallbackOrigin(text: string): boolean {
  if (loopbackOrigin.test(text)) return true;
  const { hostname, port } = URL.parse(text) ?? { hostname: '', port: '' };
  return isOrigin(text) && port === '' && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) === 0;
}
