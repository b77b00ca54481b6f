import type { Send } from '../../lambda/io/http-client.ts';

/** Returns a client that calls this machine only: a local run with fictitious customers must not call a real platform. */
export function onlyToLoopback(send: Send): Send {
  return async call =>
    call.url.hostname === '127.0.0.1'
      ? send(call)
      : { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false };
}
