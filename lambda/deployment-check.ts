import { setTimeout } from 'node:timers/promises';
import { lambdaClientOptions } from './aws/clients.ts';
import { deploymentCheck } from './aws/deployment-check.ts';
import { jsonLog } from './io/log.ts';

/** The sweep's own timeout is 75 s. */
const clientOptions = lambdaClientOptions(process.env, { connectMs: 2000, responseMs: 80_000, callMs: 80_000 });

/** The hook that CodeDeploy invokes after it has moved an alias to a new version. */
export const handler = deploymentCheck({
  variables: process.env,
  clientOptions,
  wait: ms => setTimeout(ms),
  log: jsonLog(line => process.stdout.write(line), Date.now),
});
