import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A running `npm start`. */
export interface LocalRun {
  readonly url: string;
  readonly sandboxUrl: string;
  /** Sends SIGKILL: the process cannot clean up. */
  kill(): Promise<void>;
  /** SIGTERM; gives its exit code. */
  stop(): Promise<number | null>;
}

/** Starts a local run on a free port and waits until it is ready; throws what it printed when it ends before. */
export async function startLocalRun(variables: Readonly<Record<string, string>>): Promise<LocalRun> {
  const env = { PORT: '0', ...variables };
  const child = spawn(process.execPath, ['infra/local/start.ts'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = new Promise<number | null>(resolve => child.once('close', resolve));
  const printed = await new Promise<string>((resolve, reject) => {
    let [out, errors] = ['', ''];
    child.stderr.on('data', chunk => {
      errors = `${errors}${chunk}`.slice(-2000);
    });
    child.stdout.on('data', chunk => {
      out += chunk;
      if (/^ready \S+$/m.test(out)) resolve(out);
    });
    void end.then(code => reject(new Error(`the local run ended with ${code}: ${errors}`)));
  });
  const ended = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return end;
  };
  return {
    url: /^ready (\S+)$/m.exec(printed)?.[1] ?? '',
    sandboxUrl: /^sandbox Voucherify (\S+)$/m.exec(printed)?.[1] ?? '',
    kill: async () => {
      await ended('SIGKILL');
    },
    stop: () => ended('SIGTERM'),
  };
}
