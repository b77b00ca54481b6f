import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import { jsonLog } from '../../lambda/io/log.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import type { Signer } from '../../lambda/receipts/evidence.ts';
import type { Adapters } from '../../lambda/services.ts';
import type { Settings } from '../../lambda/settings.ts';
import { embeddedSecrets, embeddedSecretTexts, localKeys, localSigner } from './embedded-secrets.ts';
import { onlyToLoopback, withCallbackOrigin, withSandboxUrls } from './local-settings.ts';
import { type LocalOptions, UsageError } from './options.ts';
import { openSandbox, type Sandbox } from './sandbox/sandbox.ts';
import { localCustomers } from './sandbox/seeded-customers.ts';
import { serveSandbox } from './sandbox/server.ts';
import { openSqliteStore } from './sqlite-store.ts';

export interface SqliteServices {
  readonly adapters: Adapters;
  readonly sandbox: Sandbox;
  readonly sandboxUrl: string;
  /** Whether the folder contains the receipts of an earlier run. */
  readonly hasOlder: boolean;
  /** The embedded secrets by logical name. */
  readonly secretTexts: Readonly<Record<string, string>>;
  /** The key that verifies evidence. */
  readonly publicKey: Signer['publicKey'];
  close(): Promise<void>;
}

/**
 * Opens adapters that need no account, key or network: SQLite, embedded secrets, and the sandbox for every project.
 * Throws {@link UsageError} if the files in the folder cannot be opened.
 */
export async function openSqliteServices(options: LocalOptions): Promise<SqliteServices> {
  const pathOf = (name: string) => (options.data === ':memory:' ? options.data : join(options.data, name));
  const hasOlder = existsSync(pathOf('erasure.sqlite'));
  const { store, sandbox, signer } = openFiles(options, () => ({
    store: openSqliteStore(pathOf('erasure.sqlite')),
    sandbox: openSandbox({
      file: pathOf('sandbox.sqlite'),
      now: options.now,
      keys: Object.keys(options.settings.projects).map(project => ({ project, ...localKeys(project) })),
      limit: { calls: callsPerMinute(options.settings), periodSeconds: 60 },
      seed: localCustomers,
    }),
    signer: localSigner(pathOf('evidence-key.pem')),
  }));
  const server = await serveSandbox(sandbox, options.sandboxPort).catch((error: unknown) => {
    sandbox.close();
    store.close();
    throw error;
  });
  const secretTexts = embeddedSecretTexts(options.settings);
  const adapters = {
    settings: withCallbackOrigin(withSandboxUrls(options.settings, server.url), server.url),
    store,
    control: store.control,
    readSecret: embeddedSecrets(secretTexts),
    send: createHttpClient(options.now),
    sendCallback: onlyToLoopback(createCallbackClient(options.now)),
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
  return { adapters, sandbox, sandboxUrl: server.url, hasOlder, secretTexts, publicKey: signer.publicKey, close };
}

function openFiles<T>({ data }: LocalOptions, open: () => T): T {
  try {
    return open();
  } catch {
    throw new UsageError(`DATA_DIR: the files of the local run cannot be opened in ${data}`);
  }
}

function callsPerMinute({ projects }: Settings): number {
  return Math.max(...Object.values(projects).map(project => project.callsPerMinute));
}
