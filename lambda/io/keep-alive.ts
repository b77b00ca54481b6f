import type { AgentOptions, ClientRequest, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';

/**
 * Node's HTTP client. An ES import would read all exports of `node:http`, and some of them load the whole of `fetch` and
 * `WebSocket`, which delays each cold start (test/bench/README.md).
 */
export const nodeHttp = process.getBuiltinModule('node:http');

/** Agents that keep connections alive, for both protocols. */
export interface KeepAliveAgents {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/**
 * Returns agents that close all their idle connections when a request on a reused connection is reset. While Lambda freezes an
 * instance, a NAT gateway forgets its connections, and resets each one only when it is used again (Amazon VPC User Guide,
 * "Troubleshoot NAT gateways": idle for 350 seconds). One reset therefore says that the others are dead too.
 */
export function keepAliveAgents(options: AgentOptions = {}): KeepAliveAgents {
  const all = { ...options, keepAlive: true };
  return { httpAgent: closeIdleOnReset(new nodeHttp.Agent(all)), httpsAgent: closeIdleOnReset(new HttpsAgent(all)) };
}

/** Returns whether a request failed because its reused connection was reset. */
export function isIdleReset(request: ClientRequest, error: Error): boolean {
  return request.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** The agent calls `reuseSocket` before a caller can listen: the idle connections are closed before the caller retries. */
function closeIdleOnReset<A extends HttpAgent>(agent: A): A {
  const reuseSocket = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket: Duplex, request: ClientRequest) => {
    reuseSocket(socket, request);
    request.once('error', error => {
      if (isIdleReset(request, error)) closeIdle(agent);
    });
  };
  return agent;
}

function closeIdle({ freeSockets }: HttpAgent): void {
  for (const sockets of Object.values(freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
