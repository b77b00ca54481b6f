import type { Desk } from '../desk.ts';
import type { Probe } from './probe.ts';

/** One thing that a check found: what is so or wrong, and what to do; never a secret, an identifier or a key. */
export interface Finding {
  /** Only `bad` makes the doctor fail; a `warning` is for somebody to look at. */
  readonly grade: 'ok' | 'warning' | 'bad';
  readonly says: string;
}

/** One part of the deployment that is looked at. What it throws becomes a finding. */
export interface Check {
  readonly name: string;
  examine(patient: Patient): Promise<readonly Finding[]>;
}

/** The desk, and one call to each project of Voucherify that all checks share. */
export interface Patient extends Desk {
  /** By project; empty where Voucherify must not be asked. Never throws. */
  readonly probes: () => Promise<ReadonlyMap<string, Probe>>;
}

export function ok(says: string): Finding {
  return { grade: 'ok', says };
}

export function warning(says: string): Finding {
  return { grade: 'warning', says };
}

export function bad(says: string): Finding {
  return { grade: 'bad', says };
}

/** A moment as people and scripts read it. */
export function moment(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
