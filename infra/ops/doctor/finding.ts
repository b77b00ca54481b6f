import type { OpsContext } from '../desk.ts';
import type { Probe } from './probe.ts';

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
