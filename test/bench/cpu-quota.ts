import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const periodUs = 100_000;
/** Version 1 of Linux control groups has a hierarchy for the processor, version 2 has one for all. */
const version1 = existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
const group = join(version1 ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup', `erasure-bench-${process.pid}`);

let opened: boolean | undefined;

/** Gives a process, with all its threads, only this part of one processor; without permission it changes nothing. */
export function confine(pid: number | undefined, share: number): void {
  opened ??= openGroup(Math.round(share * periodUs));
  if (opened && pid !== undefined) writeFileSync(join(group, 'cgroup.procs'), String(pid));
}

/** Returns what the table says about the quota. */
export function quotaText(share: number): string {
  return opened === true
    ? `with ${share.toFixed(2)} of a processor`
    : 'without a limit of CPU, which needs a writable cgroup';
}

function openGroup(quotaUs: number): boolean {
  try {
    mkdirSync(group);
    process.once('exit', removeGroup);
    const [file, text] = version1 ? ['cpu.cfs_quota_us', `${quotaUs}`] : ['cpu.max', `${quotaUs} ${periodUs}`];
    writeFileSync(join(group, file), text);
    return true;
  } catch {
    return false;
  }
}

/** It is empty by then: each measured process has ended. */
function removeGroup(): void {
  try {
    rmdirSync(group);
  } catch (error) {
    console.error(`${group} is left: ${error}`);
  }
}
