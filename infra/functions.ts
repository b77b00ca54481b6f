import { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Settings } from '../lambda/io/settings.ts';
import { bundledFunction, type FunctionWithRole } from './bundled-function.ts';
import { environment } from './environment.ts';
import { acknowledge } from './nag.ts';
import type { Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

export interface Functions {
  readonly webhook: FunctionWithRole;
  readonly sweeper: FunctionWithRole;
}

/** What each may read of the secrets. */
interface Readable {
  readonly webhook: Secrets;
  readonly sweeper: Secrets;
}

interface Needs {
  readonly settings: Settings;
  readonly readable: Readable;
  readonly tables: ErasureTables;
  readonly evidenceKey: IKey;
}

/** Both functions. Neither has reserved concurrency: a new account has none to reserve, and its deployment would fail. */
export function functions(scope: Construct, named: Names, needs: Needs): Functions {
  return { webhook: webhook(scope, named, needs), sweeper: sweeper(scope, named, needs) };
}

function webhook(scope: Construct, named: Names, { settings, tables, readable }: Needs): FunctionWithRole {
  const running = bundledFunction(scope, 'Webhook', {
    name: 'webhook',
    prefix: named.prefix,
    description: 'Answers privacy platforms.',
    timeout: webhookTimeout(settings.limits.answerBudgetMs),
    // A platform waits for a cold start with three TLS handshakes, and processor time comes with memory.
    memorySize: 512,
    environment: environment(scope, { settings, tables, named, secrets: readable.webhook }),
  });
  acknowledge(running.function, 'Serverless-LambdaDLQ', 'It is invoked synchronously only: there is nothing to keep.');
  return running;
}

/**
 * The answer's budget and the 7 s after which the sweep takes an unfinished attempt over; always below the 29 s after
 * which API Gateway gives up (API Gateway Developer Guide, "Quotas").
 */
function webhookTimeout(answerBudgetMs: number): Duration {
  return Duration.seconds(Math.min(Math.ceil(answerBudgetMs / 1000) + 7, 28));
}

function sweeper(scope: Construct, named: Names, needs: Needs): FunctionWithRole {
  const running = bundledFunction(scope, 'Sweeper', {
    name: 'sweeper',
    prefix: named.prefix,
    description: 'Brings open erasures to an end, every minute.',
    // It begins work for 50 s, and what it began ends within ten more, its writing aside. Two sweeps may overlap.
    timeout: Duration.seconds(75),
    // Nobody waits for it and most runs find nothing to do.
    memorySize: 256,
    environment: environment(scope, { ...needs, named, secrets: needs.readable.sweeper }),
    // The next minute's sweep is the retry of the last one's; an old invocation would only overlap with it.
    invoked: { retryAttempts: 0, maxEventAge: Duration.minutes(1) },
  });
  acknowledge(running.function, 'Serverless-LambdaDLQ', nothingToKeep);
  const invocation = running.function.node.findChild('EventInvokeConfig');
  acknowledge(invocation, 'Serverless-LambdaAsyncFailureDestination', nothingToKeep);
  return running;
}

const nothingToKeep =
  'An invocation carries nothing that could be lost: the receipts table is the queue, the next sweep makes up for one ' +
  'that failed, and an alarm tells when they stay away for five minutes.';
