import { openSandbox, type Sandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../../infra/local/sandbox/server.ts';
import { type Certificate, type Front, startTlsFront } from './fronts.ts';
import type { Timeline } from './timeline.ts';

/** The key that the sandbox knows from the start. */
export const firstKey = { appId: 'app-of-the-e2e-run', appToken: 'token-of-the-e2e-run', project: 'main' };

/** High enough that no request waits for the rate limit, which has its own tests. */
const limit = { calls: 60_000, periodSeconds: 60 };

/** The sandbox Voucherify behind TLS, with its calls on the timeline. */
export async function startVoucherify(
  certificate: Certificate,
  events: Timeline,
): Promise<Front & { sandbox: Sandbox }> {
  const sandbox = openSandbox({ now: Date.now, keys: [firstKey], limit });
  const server = await serveSandbox(noted(sandbox, events), 0);
  const front = await startTlsFront(certificate, server.port);
  const close = async () => {
    await front.close();
    await server.close();
    sandbox.close();
  };
  return { sandbox, port: front.port, close };
}

function noted(sandbox: Sandbox, events: Timeline): Sandbox {
  return {
    ...sandbox,
    respond: request => {
      const ended = events.begin('voucherify', `${request.method} ${pathOf(request.target)}`);
      try {
        return sandbox.respond(request);
      } finally {
        ended();
      }
    },
  };
}

/** The path without whom it is about. */
function pathOf(target: string): string {
  return target.replace(/(\/v1\/customers\/)[^/?]+/, '$1{id}').replace(/\?.*/, '');
}
