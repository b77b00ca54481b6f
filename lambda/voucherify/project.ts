import type { Send } from '../io/outbound.ts';
import type { ReadSecret } from '../io/secret.ts';
import type { ProjectSettings, Settings } from '../io/settings.ts';
import type { ControlRows } from '../receipts/control.ts';
import { type Voucherify, voucherify } from './client.ts';
import { byApiKey, byOauth, type Prove, type Proving } from './credentials.ts';
import { type ExpectedCalls, type Gate, line, openGate } from './gate.ts';
import { keysOf } from './keys.ts';
import { pacer } from './pacer.ts';
import type { Quota } from './rhythm.ts';

/** One Voucherify project as a process holds it: its credentials and its pace, shared by all attempts. */
export interface Project {
  /** Reads how the pace stands, beside something else that must be waited for. Never throws. */
  look(): Promise<void>;
  /** The way of one attempt to this project. */
  attempt(work: { readonly receipt: string; readonly fresh: boolean }): Way;
}

export interface Way {
  readonly voucherify: Voucherify;
  readonly gate: Gate;
  /** Reserves the first calls before the attempt begins; gives what holds it, if anything does. */
  admit(expected: ExpectedCalls, until: number): ReturnType<Gate['admit']>;
}

export interface Needs {
  readonly settings: Settings;
  readonly readSecret: ReadSecret;
  readonly control: ControlRows;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

const minute = 60_000;
const hour = 3_600_000;

/** Opens a project of the settings. Throws `RangeError` for one that is not there. */
export function openProject(name: string, { settings, readSecret, control, send, now, wait }: Needs): Project {
  const project = settings.projects[name];
  if (project === undefined) throw new RangeError('project: not in settings');
  const prove = proveOf(name, project, { readSecret, now });
  const shared = { send, now, wait, line: line(), pacer: pacer(name, quotaOf(project), control) };
  return {
    look: shared.pacer.look,
    attempt: work => {
      const gate = openGate({ ...shared, ...work });
      // What stood in the way of credentials is the first call's to report, and is not asked for twice.
      let known: Proving | undefined;
      const proveOnce: Prove = async (...asked) => {
        const proving = known ?? (await prove(...asked));
        known = undefined;
        return proving;
      };
      const admit = async (expected: ExpectedCalls, until: number) => {
        const proving = await prove(gate.send, until);
        if (proving.kind === 'credentials') {
          gate.expect(expected);
          return gate.admit(expected.calls, proving.headers, until);
        }
        if (proving.kind === 'held' && proving.until !== undefined) return proving;
        known = proving;
        return undefined;
      };
      return { voucherify: voucherify(project.baseUrl, proveOnce, gate.send), gate, admit };
    },
  };
}

/** How a project proves itself, as settings say. */
export function proveOf(
  name: string,
  { auth, baseUrl }: ProjectSettings,
  { readSecret, now }: Pick<Needs, 'readSecret' | 'now'>,
): Prove {
  const readKeys = keysOf(name, readSecret);
  return auth === 'oauth' ? byOauth(baseUrl, readKeys, now) : byApiKey(readKeys);
}

/** The quota of a project, as settings have it. */
export function quotaOf({ quotaShare, callsPerMinute, quotaPeriod }: ProjectSettings): Quota {
  return { share: quotaShare, limit: callsPerMinute, periodMs: quotaPeriod === 'hour' ? hour : minute };
}
