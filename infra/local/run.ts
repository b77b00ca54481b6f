import { createServices, type Services } from '../../lambda/parts.ts';
import { sweepHandler } from '../../lambda/sweeper.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { openSqliteServices } from './embedded.ts';
import { openEmulatorServices } from './emulated.ts';
import { serveGateway } from './gateway.ts';
import { type LocalOptions, UsageError } from './options.ts';
import { writeRunFile } from './running.ts';

export interface LocalRun {
  readonly url: string;
  readonly services: Services;
  /** Where the sandbox listens; absent when an emulator stands in for everything. */
  readonly sandboxUrl: string | undefined;
  /** Stops taking requests and sweeping, waits for what is under way, and closes the store; once. */
  close(): Promise<void>;
}

/** Starts a local run. Throws {@link UsageError} when the port is in use. */
export async function startLocalRun(options: LocalOptions): Promise<LocalRun> {
  const house =
    options.awsEndpoint === undefined ? await openSqliteServices(options) : await openEmulatorServices(options);
  const services = createServices(house.adapters);
  const gateway = await serveGateway(
    webhookHandler(() => services),
    options.port,
  ).catch(async (error: unknown) => {
    await house.close();
    throw portProblem(error, options.port);
  });
  const sweeps = sweepEvery(options.sweepMs, services);
  const { sandboxUrl } = house;
  const forget = writeRunFile(options.data, {
    url: gateway.url,
    ...(options.settingsFile === undefined ? {} : { settings: options.settingsFile }),
    ...(sandboxUrl === undefined ? {} : { sandboxUrl }),
  });
  const close = async () => {
    forget();
    await Promise.all([gateway.close(), sweeps.close()]);
    await house.close();
  };
  let closing: Promise<void> | undefined;
  return {
    url: gateway.url,
    services: services,
    sandboxUrl,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/**
 * The schedule's part on this machine: one sweep at a time, since those that overlap would take each other's places in
 * the pace when they come this often. A sweep that fails is logged; the next one comes all the same.
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

function portProblem(error: unknown, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return new UsageError(`port ${port} is in use: set PORT to another one`);
  return code === 'EACCES' ? new UsageError(`port ${port} is not allowed to you: set PORT to one above 1023`) : error;
}
