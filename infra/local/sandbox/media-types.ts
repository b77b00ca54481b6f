import type { SandboxAnswer, SandboxRequest } from './message.ts';
import { wrongMediaType } from './refusals.ts';
import type { SandboxOperation } from './routes.ts';

/**
 * 406 when `Accept` leaves out JSON, 415 when a body comes as something else than the endpoint reads: a form for
 * tokens, JSON for the rest (Voucherify docs, Errors). No body needs no `Content-Type`.
 */
export function mediaTypeRefusal(kind: SandboxOperation, request: SandboxRequest): SandboxAnswer | undefined {
  const accepted = typesOf(request.headers['accept'] ?? '*/*');
  if (!accepted.some(type => ['*/*', 'application/*', 'application/json'].includes(type))) {
    return wrongMediaType(406, 'only application/json is available');
  }
  const read = kind === 'token' ? 'application/x-www-form-urlencoded' : 'application/json';
  const [sent] = typesOf(request.headers['content-type'] ?? (request.body === '' ? read : ''));
  return sent === read ? undefined : wrongMediaType(415, `only ${read} is read here`);
}

function typesOf(header: string): string[] {
  return header.split(',').map(one => one.replace(/;.*/, '').trim().toLowerCase());
}
