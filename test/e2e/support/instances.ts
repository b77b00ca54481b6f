import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { AssembledFunction, Assembly } from './assembly.ts';
import { type FunctionProcess, type Start, startFunction } from './function-process.ts';

type Which = 'webhook' | 'sweeper';

/** Starts instances of the two functions. */
export interface Instances {
  /** Log lines of the instances that were stopped. */
  readonly logs: readonly string[];
  /** Starts one; its clock may run ahead. */
  start(which: Which, options?: { readonly aheadMs?: number }): Promise<FunctionProcess>;
}

type Around = Pick<Start, 'client' | 'preload' | 'surroundings'> & {
  variablesOf(one: AssembledFunction): Readonly<Record<string, string>>;
};

/** Runs copies of the bundles, so that a synthesis in the meantime takes none away. */
export function instancesOf(assembly: Assembly, folder: string, { variablesOf, ...around }: Around): Instances {
  const logs: string[] = [];
  for (const which of ['webhook', 'sweeper'] as const) {
    cpSync(assembly[which].bundle, join(folder, which), { recursive: true });
  }
  const start: Instances['start'] = async (which, { aheadMs = 0 } = {}) => {
    const started = await startFunction({
      ...described(assembly[which]),
      ...around,
      bundle: join(folder, which),
      variables: variablesOf(assembly[which]),
      surroundings: { ...around.surroundings, CLOCK_AHEAD_MS: String(aheadMs) },
    });
    const stop = async () => {
      const log = await started.stop();
      logs.push(...log.split('\n').filter(line => line !== ''));
      return log;
    };
    return { ...started, stop };
  };
  return { logs, start };
}

/** What the template says of a function besides its environment. */
export function described({ properties }: AssembledFunction) {
  return {
    name: properties.FunctionName,
    handler: properties.Handler,
    timeoutSeconds: properties.Timeout,
    memoryMb: properties.MemorySize,
    logFormat: properties.LoggingConfig.LogFormat,
  };
}
