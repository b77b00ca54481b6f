import { createServer } from 'node:net';
import * as v from 'valibot';
import type { ApiGatewayHandler } from '../../lambda/aws/api-gateway.ts';
import { eventsHandler } from '../../lambda/events.ts';
import { createServices, type Services } from '../../lambda/services.ts';
import { eventProjects } from '../../lambda/settings.ts';
import { sweepHandler } from '../../lambda/sweeper.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { localEventSecret } from './embedded-secrets.ts';
import { openEmulatorServices } from './emulator-services.ts';
import { createManualRoute, serveGateway } from './gateway.ts';
import { createRunClock, type LocalOptions, UsageError } from './options.ts';
import { createJournal } from './page/journal.ts';
import { createPage, type ServePage } from './page/page.ts';
import { lockFolder, writeRunFile } from './run-file.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { openSqliteServices } from './sqlite-services.ts';

export interface LocalRun {
  readonly url: string;
  readonly services: Services;
  /** URL of the sandbox; absent if an emulator replaces the embedded services. */
  readonly sandboxUrl: string | undefined;
  /** Stops requests and sweeps, waits for pending ones, and closes the store. Further calls return the same promise. */
  close(): Promise<void>;
}

/** Starts a local run. Throws {@link UsageError} if its folder or port is in use, or the port is not permitted. */
export async function startLocalRun(options: LocalOptions): Promise<LocalRun> {
  const unlockFolder = lockFolder(options.data);
  return start(options, unlockFolder).catch(async (error: unknown) => {
    unlockFolder();
    throw await explainPortError(error, options);
  });
}

async function start(given: LocalOptions, unlockFolder: () => void): Promise<LocalRun> {
  // With an AWS endpoint there is no page to move the clock, and others use that store.
  const clock = createRunClock(given.now, given.awsEndpoint === undefined ? given.data : ':memory:');
  const options = { ...given, now: clock.now };
  const opened = await open(options);
  const journal = createJournal();
  const services = createServices(journal.observe(opened.adapters));
  const sweeps = sweepEvery(options.sweepMs, services);
  const { sandboxUrl } = opened;
  const sweepAfter = (aheadMs: () => number) => sweeps.now(() => clock.move(aheadMs()));
  const of = { services, journal, sweepAfter, nextSweepAt: sweeps.nextAt, sweepMs: options.sweepMs };
  const page = opened.sandboxUrl === undefined ? undefined : createPage({ ...of, ...opened });
  // Only a run with a sandbox has it: another one can reach real customers.
  const manualRoute = createManualRoute(webhookHandler(() => services));
  const serve: ServePage | undefined =
    page && ((request, response) => manualRoute(request, response) || page(request, response));
  const gateway = await serveGateway(localHandler(services), options.port, serve).catch(async (error: unknown) => {
    await sweeps.close();
    await opened.close();
    throw error;
  });
  if (opened.sandbox !== undefined) sendEvents(opened.sandbox, gateway.url, services);
  const removeRunFile = writeRunFile(options.data, {
    url: gateway.url,
    ...(options.settingsFile === undefined ? {} : { settings: options.settingsFile }),
    ...(sandboxUrl === undefined ? {} : { sandboxUrl }),
  });
  const close = async () => {
    removeRunFile();
    await Promise.all([gateway.close(), sweeps.close()]);
    await opened.close();
    unlockFolder();
  };
  let closing: Promise<void> | undefined;
  return {
    url: gateway.url,
    services,
    sandboxUrl,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Routes as API Gateway does: events of customers have their own function. */
function localHandler(services: Services): ApiGatewayHandler {
  const [webhook, events] = [webhookHandler(() => services), eventsHandler(() => services)];
  return (event, context) => (event.path.startsWith('/events/') ? events : webhook)(event, context);
}

/** Lets the sandbox send its webhook. A message that is not taken is not repeated. */
function sendEvents(sandbox: Sandbox, url: string, { settings }: Services): void {
  const projects = eventProjects(settings);
  if (projects.length === 0) return;
  sandbox.webhooks(localEventSecret, ({ project, headers, body }) => {
    const isReceived = projects.includes(project);
    if (isReceived) fetch(`${url}/events/${project}`, { method: 'POST', headers, body }).catch(() => undefined);
  });
}

function open(options: LocalOptions) {
  return options.awsEndpoint === undefined ? openSqliteServices(options) : openEmulatorServices(options);
}

/**
 * Runs the sweep at an interval, one at a time: with short intervals, overlapping sweeps would compete for the rate
 * limit. Logs a failed sweep and continues with the next one.
 */
function sweepEvery(everyMs: number, services: Services) {
  const sweep = sweepHandler(() => services);
  let running: Promise<unknown> | undefined;
  let queue: Promise<void> = Promise.resolve();
  let startedAt = performance.now();
  const run = () => {
    running ??= sweep()
      .catch(() => services.log({ event: 'sweep', code: 'unavailable' }))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(() => {
    startedAt = performance.now();
    void run();
  }, everyMs);
  return {
    /** Calls `before` and runs the sweep, after those that are running: attempts must not see the clock jump. */
    now: (before: () => void) => {
      queue = queue.then(async () => {
        await running;
        before();
        await run();
      });
      return queue;
    },
    /** When the next sweep starts by itself, in epoch milliseconds. */
    nextAt: () => services.now() + Math.max(0, everyMs - (performance.now() - startedAt)),
    close: async () => {
      clearInterval(timer);
      await queue;
      await running;
    },
  };
}

type Ports = Pick<LocalOptions, 'port' | 'sandboxPort' | 'awsEndpoint'>;

const listenError = v.looseObject({ code: v.picklist(['EADDRINUSE', 'EACCES']), port: v.number() });

/**
 * Returns a {@link UsageError} that says how to start if a local run could not listen, and every other error as it is. Call
 * it when the run has released its own ports.
 */
async function explainPortError(error: unknown, ports: Ports): Promise<unknown> {
  if (!v.is(listenError, error)) return error;
  if (error.code === 'EACCES') return new UsageError(`port ${error.port} is not permitted: ${await freePorts(ports)}`);
  const wanted = ports.awsEndpoint === undefined ? [ports.port, ports.sandboxPort] : [ports.port];
  const taken = await takenOf(wanted);
  const which = taken.length > 1 ? `ports ${taken.join(' and ')} are` : `port ${error.port} is`;
  return new UsageError(`${which} in use: ${await freePorts(ports)}`);
}

/** Returns a command with free ports. The sandbox needs its own variable only if it does not listen on the next port. */
async function freePorts({ port, sandboxPort }: Ports): Promise<string> {
  for (let base = 4000; base < 10_000; base += 1000) {
    const isNext = sandboxPort === 0 || sandboxPort === port + 1;
    if ((await takenOf([base, base + 1])).length === 0)
      return `npm start -- PORT=${base}${isNext ? '' : ` SANDBOX_PORT=${base + 1}`}`;
  }
  return 'npm start -- PORT=0 SANDBOX_PORT=0';
}

async function takenOf(ports: readonly number[]): Promise<readonly number[]> {
  const all = await Promise.all(ports.map(async port => ((await canListen(port)) ? [] : [port])));
  return all.flat();
}

function canListen(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
