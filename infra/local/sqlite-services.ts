import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createHttpClient, type Send } from '../../lambda/io/http-client.ts';
import { jsonLog } from '../../lambda/io/log.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import type { Adapters } from '../../lambda/services.ts';
import type { Settings } from '../../lambda/settings.ts';
import { embeddedSecrets, embeddedSecretTexts, localKeys } from './embedded-secrets.ts';
import { localSigner } from './local-signer.ts';
import { type LocalOptions, UsageError, withSandboxUrls } from './options.ts';
import { openSandbox, type Sandbox } from './sandbox/sandbox.ts';
import { seededCustomers } from './sandbox/seeded-customers.ts';
import { serveSandbox } from './sandbox/server.ts';
import { openSqliteStore } from './sqlite-store.ts';

export interface SqliteServices {
  readonly adapters: Adapters;
  readonly sandbox: Sandbox;
  readonly sandboxUrl: string;
  close(): Promise<void>;
}

/**
 * Ports that need no account, key or network: SQLite, embedded secrets, and every project in the sandbox. Throws
 * {@link UsageError} when nothing can be kept in the folder.
 */
export async function openSqliteServices(options: LocalOptions): Promise<SqliteServices> {
  const file = (name: string) => (options.data === ':memory:' ? options.data : join(options.data, name));
  const { store, sandbox, signer } = inFolder(options, () => ({
    store: openSqliteStore(file('erasure.sqlite')),
    sandbox: openSandbox({
      file: file('sandbox.sqlite'),
      now: options.now,
      keys: Object.keys(options.settings.projects).map(project => ({ project, ...localKeys(project) })),
      limit: { calls: callsPerMinute(options.settings), periodSeconds: 60 },
      seed: seededCustomers,
    }),
    signer: localSigner(file('evidence-key.pem')),
  }));
  const server = await serveSandbox(sandbox, 0);
  const ports = {
    settings: withSandboxUrls(options.settings, server.url),
    store,
    control: store.control,
    readSecret: embeddedSecrets(embeddedSecretTexts(options.settings)),
    send: createHttpClient(options.now),
    sendCallback: toThisMachineOnly(createCallbackClient(options.now)),
    now: options.now,
    random: Math.random,
    wait: (ms: number) => setTimeout(ms),
    log: jsonLog(options.log, options.now),
    signer,
    times: { claimMs: options.claimMs, backoffMs: options.backoffMs },
  };
  const close = async () => {
    await server.close();
    sandbox.close();
    store.close();
  };
  return { adapters: ports, sandbox, sandboxUrl: server.url, close };
}

function inFolder<T>({ data }: LocalOptions, open: () => T): T {
  try {
    return open();
  } catch {
    throw new UsageError(`DATA_DIR: the files of the local run cannot be opened in ${data}`);
  }
}

/** A trial with invented people must not call a platform's real address. */
function toThisMachineOnly(send: Send): Send {
  return async call =>
    call.url.hostname === '127.0.0.1'
      ? send(call)
      : { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false };
}

function callsPerMinute({ projects }: Settings): number {
  return Math.max(...Object.values(projects).map(project => project.callsPerMinute));
}
