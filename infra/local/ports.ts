import { createServer } from 'node:net';
import * as v from 'valibot';
import { type LocalOptions, UsageError } from './options.ts';

type Ports = Pick<LocalOptions, 'port' | 'sandboxPort' | 'awsEndpoint'>;

const listenError = v.looseObject({ code: v.picklist(['EADDRINUSE', 'EACCES']), port: v.number() });

/**
 * Returns a {@link UsageError} that says how to start if a local run could not listen, and every other error as it is. Call
 * it when the run has released its own ports.
 */
export async function explainPortError(error: unknown, ports: Ports): Promise<unknown> {
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
