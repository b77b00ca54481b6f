import { readHeartbeat } from '../../../lambda/heartbeat.ts';
import { bad, type Check, type CheckContext, type CheckResult, isoSeconds, ok, warning } from './finding.ts';

/** Sweeps come once a minute and take less; three missing ones are no accident. */
const latestMs = 180_000;

/** Whether sweeps come and end. */
export const scheduleCheck: Check = {
  name: 'schedule',
  run: async patient => {
    const ended = (await readHeartbeat(patient.control))?.at;
    const now = patient.now();
    if (ended !== undefined && now - ended <= latestMs) return [ok(`a sweep ended ${seconds(now - ended)} ago`)];
    return [missing(ended, patient)];
  },
};

const never = 'no sweep has ever ended (the first does a minute after a deployment or npm start)';

/** A local run sweeps for the first time a minute after it began. */
function missing(ended: number | undefined, { local }: CheckContext): CheckResult {
  const says = ended === undefined ? never : `no sweep has ended since ${isoSeconds(ended)}`;
  if (local === undefined) return bad(`${says}: look at the rule and the sweeper's log (RUNBOOK.md#sweep-stopped)`);
  const began = Date.parse(local.run?.startedAt ?? '');
  if (Date.now() - began <= latestMs) return warning(`${says}: npm start began ${seconds(Date.now() - began)} ago`);
  return bad(`${says}: is npm start running, with SWEEP_SECONDS of at most 60?`);
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}
