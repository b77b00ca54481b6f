import { outbound } from '../../../lambda/io/outbound.ts';
import { judgePage, type Page } from '../../../lambda/voucherify/answer.ts';
import { type Reply, voucherify } from '../../../lambda/voucherify/client.ts';
import { proveOf } from '../../../lambda/voucherify/project.ts';
import type { Desk } from '../desk.ts';

/** What one harmless call to a project brought back. */
export interface Probe {
  readonly result: Reply['result'];
  readonly page: Page;
  /** When the answer was there, by this machine's clock. */
  readonly at: number;
}

/** Longest that the call may take, in milliseconds, the token before it included. */
const probeMs = 10_000;

/** RFC 2606, section 2: nobody can have an address there. */
const nobody = 'nobody@erasure-doctor.invalid';

/**
 * Asks a project for the customers with an address that nobody has, once however often it is wanted: it needs the key
 * and the right to read customers, as every look-up does, and changes nothing. It goes past the pace, which a doctor
 * must be able to see from outside.
 */
export function probesOf(desk: Desk): (project: string) => Promise<Probe> {
  const probes = new Map<string, Promise<Probe>>();
  return name => {
    const probe = probes.get(name) ?? probed(name, desk);
    probes.set(name, probe);
    return probe;
  };
}

async function probed(name: string, desk: Desk): Promise<Probe> {
  const project = desk.settings.projects[name];
  if (project === undefined) throw new RangeError('project: not in settings');
  const client = voucherify(project.baseUrl, proveOf(name, project, desk), outbound(desk.now));
  const reply = await client.listByEmail(nobody, 1, desk.now() + probeMs);
  const at = desk.now();
  return { result: reply.result, page: judgePage(reply, at), at };
}
