import { createHttpClient, type HttpResult } from '../../../lambda/io/http-client.ts';
import type { LimitedSend } from '../../../lambda/quota/limited-client.ts';
import { createVoucherifyClient, credentialProviderFor } from '../../../lambda/voucherify/client.ts';
import type { ProjectSettings } from '../../../lambda/voucherify/project-settings.ts';
import type { CustomerPage } from '../../../lambda/voucherify/responses.ts';
import type { LocalFolder, OpsContext } from '../context.ts';
import { type Tone, toned } from '../terminal.ts';

/** One result of a check: the state, or what is wrong and how to fix it. Never a secret, an identifier or a key. */
export interface CheckResult {
  /** Only `bad` makes the doctor fail. */
  readonly grade: 'ok' | 'warning' | 'bad';
  readonly message: string;
}

/** A check of one part of the deployment. What it throws becomes a result. */
export interface Check {
  readonly name: string;
  run(context: CheckContext): Promise<readonly CheckResult[]>;
}

/** The operator's context, and one Voucherify call for each project that all checks share. */
export interface CheckContext extends OpsContext {
  /** By project; empty where Voucherify must not be called. Never throws. */
  readonly probes: () => Promise<ReadonlyMap<string, Probe>>;
}

export function ok(message: string): CheckResult {
  return { grade: 'ok', message };
}

export function warning(message: string): CheckResult {
  return { grade: 'warning', message };
}

export function bad(message: string): CheckResult {
  return { grade: 'bad', message };
}

/** Says how to end an outage that the sandbox of a local run simulates. Its key is always valid and cannot be changed. */
export function sandboxFix({ run }: LocalFolder): string {
  const works = 'choose Works under Voucherify on the page of npm start';
  if (run?.sandboxUrl === undefined) return works;
  return `${works} (${run.url}/), or POST {"mode":null} to ${run.sandboxUrl}/sandbox/outage`;
}

const marks: Readonly<Record<CheckResult['grade'], readonly [Tone, string]>> = {
  ok: ['good', '✓'],
  warning: ['warning', '!'],
  bad: ['bad', '✗'],
};

/** Returns the message after the mark of its grade. */
export function formatResult({ grade, message }: CheckResult): string {
  return `${toned(...marks[grade])} ${message}`;
}

/** The result of one read-only call to a project. */
export interface Probe {
  readonly project: ProjectSettings;
  /** The last response, of the token request if that failed; absent without usable keys. */
  readonly response: HttpResult | undefined;
  readonly page: CustomerPage;
  /** When the response arrived, by this machine's clock. */
  readonly at: number;
}

/** Longest time for the call, in milliseconds, with the token request before it. */
const probeMs = 10_000;

/** RFC 2606, section 2: no mailbox can exist there. */
const unknownAddress = 'nobody@erasure-doctor.invalid';

/**
 * Returns a function that lists the customers with an unknown address in every project, once however often it is called.
 * Like every look-up, the call needs a valid key with the right to read customers. It bypasses the rate limiter, because
 * the doctor must work while the limiter blocks calls.
 */
export function probesOf(context: OpsContext): () => Promise<ReadonlyMap<string, Probe>> {
  let probes: Promise<ReadonlyMap<string, Probe>> | undefined;
  return () => {
    probes ??= canProbe(context) ? probeAll(context) : Promise.resolve(new Map());
    return probes;
  };
}

/** Without npm start there is no sandbox, and the embedded keys must not be sent to Voucherify. */
function canProbe({ local }: OpsContext): boolean {
  return local === undefined || local.run !== undefined;
}

async function probeAll(context: OpsContext): Promise<ReadonlyMap<string, Probe>> {
  const projects = Object.entries(context.settings.projects);
  return new Map(
    await Promise.all(projects.map(async entry => [entry[0], await probeProject(...entry, context)] as const)),
  );
}

async function probeProject(name: string, project: ProjectSettings, context: OpsContext): Promise<Probe> {
  const sendHttp = createHttpClient(context.now);
  let response: HttpResult | undefined;
  const send: LimitedSend = async (call, classify) => {
    response = await sendHttp(call);
    return classify(response, context.now());
  };
  const client = createVoucherifyClient(project.baseUrl, credentialProviderFor(name, project, context), send);
  const { result: page } = await client.listByEmail(unknownAddress, 1, context.now() + probeMs);
  return { project, response, page, at: context.now() };
}
