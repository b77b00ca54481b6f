import { createHttpClient } from '../../../lambda/io/outbound.ts';
import type { ProjectSettings } from '../../../lambda/io/settings.ts';
import { type CustomerPage, parsePage } from '../../../lambda/voucherify/answer.ts';
import { createVoucherifyClient, type VoucherifyReply } from '../../../lambda/voucherify/client.ts';
import { credentialProviderFor } from '../../../lambda/voucherify/project.ts';
import type { OpsContext } from '../desk.ts';

/** What one harmless call to a project brought back. */
export interface Probe {
  readonly project: ProjectSettings;
  readonly result: VoucherifyReply['result'];
  readonly page: CustomerPage;
  /** When the answer was there, by this machine's clock. */
  readonly at: number;
}

/** Longest that the call may take, in milliseconds, the token before it included. */
const probeMs = 10_000;

/** RFC 2606, section 2: nobody can have an address there. */
const nobody = 'nobody@erasure-doctor.invalid';

/**
 * Asks every project for the customers with an address that nobody has, once however often it is wanted: it needs the key
 * and the right to read customers, as every look-up does, and changes nothing. It goes past the pace, which a doctor
 * must be able to see from outside.
 */
export function probesOf(desk: OpsContext): () => Promise<ReadonlyMap<string, Probe>> {
  let probes: Promise<ReadonlyMap<string, Probe>> | undefined;
  return () => {
    probes ??= isThere(desk) ? probedAll(desk) : Promise.resolve(new Map());
    return probes;
  };
}

/** Without npm start there is no sandbox, and the embedded keys are none of Voucherify's business. */
function isThere({ local }: OpsContext): boolean {
  return local === undefined || local.run !== undefined;
}

async function probedAll(desk: OpsContext): Promise<ReadonlyMap<string, Probe>> {
  const projects = Object.entries(desk.settings.projects);
  return new Map(await Promise.all(projects.map(async entry => [entry[0], await probed(...entry, desk)] as const)));
}

async function probed(name: string, project: ProjectSettings, desk: OpsContext): Promise<Probe> {
  const client = createVoucherifyClient(
    project.baseUrl,
    credentialProviderFor(name, project, desk),
    createHttpClient(desk.now),
  );
  const reply = await client.listByEmail(nobody, 1, desk.now() + probeMs);
  const at = desk.now();
  return { project, result: reply.result, page: parsePage(reply, at), at };
}
