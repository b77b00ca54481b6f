import type { ApiGatewayHandler } from '../../lambda/aws/api-gateway.ts';
import { eventsHandler } from '../../lambda/events.ts';
import { createServices, type Services } from '../../lambda/services.ts';
import { eventProjects } from '../../lambda/settings.ts';
import { sweepHandler } from '../../lambda/sweeper.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { localEventSecret } from './embedded-secrets.ts';
import { openEmulatorServices } from './emulator-services.ts';
import { lockFolder } from './folder-lock.ts';
import { serveGateway } from './gateway.ts';
import { createManualRoute } from './manual-route.ts';
import type { LocalOptions } from './options.ts';
import { createJournal } from './page/journal.ts';
import { createPage, type ServePage } from './page/page.ts';
import { explainPortError } from './ports.ts';
import { createRunClock } from './run-clock.ts';
import { writeRunFile } from './run-file.ts';
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
