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
import { type LocalOptions, UsageError } from './options.ts';
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
  return start(options, unlockFolder).catch((error: unknown) => {
    unlockFolder();
    throw error;
  });
}

async function start(options: LocalOptions, unlockFolder: () => void): Promise<LocalRun> {
  const opened =
    options.awsEndpoint === undefined ? await openSqliteServices(options) : await openEmulatorServices(options);
  const services = createServices(opened.adapters);
  const gateway = await serveGateway(localHandler(services), options.port).catch(async (error: unknown) => {
    await opened.close();
    throw explainPortError(error, options.port);
  });
  if (opened.sandbox !== undefined) sendEvents(opened.sandbox, gateway.url, services);
  const sweeps = sweepEvery(options.sweepMs, services);
  const { sandboxUrl } = opened;
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

/**
 * Runs the sweep at an interval, one at a time: with short intervals, overlapping sweeps would compete for the rate
 * limit. Logs a failed sweep and continues with the next one.
 */
function sweepEvery(everyMs: number, services: Services): { close(): Promise<void> } {
  const sweep = sweepHandler(() => services);
  let running: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    running ??= sweep()
      .catch(() => services.log({ event: 'sweep', code: 'unavailable' }))
      .finally(() => {
        running = undefined;
      });
  }, everyMs);
  return {
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

function explainPortError(error: unknown, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return new UsageError(`port ${port} is in use: set PORT to another one`);
  return code === 'EACCES' ? new UsageError(`port ${port} is not permitted: set PORT to one above 1023`) : error;
}
