import { createHttpClient } from '../../../lambda/io/http-client.ts';
import { createVoucherifyClient, type VoucherifyReply } from '../../../lambda/voucherify/client.ts';
import { credentialProviderFor } from '../../../lambda/voucherify/project.ts';
import type { ProjectSettings } from '../../../lambda/voucherify/project-settings.ts';
import { type CustomerPage, parsePage } from '../../../lambda/voucherify/responses.ts';
import type { OpsContext } from '../context.ts';

/** One thing that a check found: what is so or wrong, and what to do; never a secret, an identifier or a key. */
export interface CheckResult {
  /** Only `bad` makes the doctor fail; a `warning` is for somebody to look at. */
  readonly grade: 'ok' | 'warning' | 'bad';
  readonly message: string;
}

/** One part of the deployment that is looked at. What it throws becomes a finding. */
export interface Check {
  readonly name: string;
  run(patient: CheckContext): Promise<readonly CheckResult[]>;
}

/** The desk, and one call to each project of Voucherify that all checks share. */
export interface CheckContext extends OpsContext {
  /** By project; empty where Voucherify must not be asked. Never throws. */
  readonly probes: () => Promise<ReadonlyMap<string, Probe>>;
}

export function ok(says: string): CheckResult {
  return { grade: 'ok', message: says };
}

export function warning(says: string): CheckResult {
  return { grade: 'warning', message: says };
}

export function bad(says: string): CheckResult {
  return { grade: 'bad', message: says };
}

/** A moment as people and scripts read it. */
export function isoSeconds(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

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

/** RFC 2606, section 2: no mailbox can have an address there. */
const unknownAddress = 'nobody@erasure-doctor.invalid';

/**
 * Asks every project for the customers with an address that does not exist, once however often it is wanted: it needs the key
 * and the right to read customers, as every look-up does, and changes nothing. It goes past the pace, which a doctor
 * must be able to see from outside.
 */
export function probesOf(desk: OpsContext): () => Promise<ReadonlyMap<string, Probe>> {
  let probes: Promise<ReadonlyMap<string, Probe>> | undefined;
  return () => {
    probes ??= canProbe(desk) ? probeAll(desk) : Promise.resolve(new Map());
    return probes;
  };
}

/** Without npm start there is no sandbox, and the embedded keys are none of Voucherify's business. */
function canProbe({ local }: OpsContext): boolean {
  return local === undefined || local.run !== undefined;
}

async function probeAll(desk: OpsContext): Promise<ReadonlyMap<string, Probe>> {
  const projects = Object.entries(desk.settings.projects);
  return new Map(
    await Promise.all(projects.map(async entry => [entry[0], await probeProject(...entry, desk)] as const)),
  );
}

async function probeProject(name: string, project: ProjectSettings, desk: OpsContext): Promise<Probe> {
  const client = createVoucherifyClient(
    project.baseUrl,
    credentialProviderFor(name, project, desk),
    createHttpClient(desk.now),
  );
  const reply = await client.listByEmail(unknownAddress, 1, desk.now() + probeMs);
  const at = desk.now();
  return { project, result: reply.result, page: parsePage(reply, at), at };
}
