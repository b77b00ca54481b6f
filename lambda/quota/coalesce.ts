/** One request and what to do with its result. */
interface Waiting<Request, Result> {
  readonly request: Request;
  readonly settle: (result: Result) => void;
}

/**
 * Returns a function that answers requests in batches: while one batch runs, further requests wait for the next one. `run`
 * returns the result of each request, in their order, and must not throw.
 */
export function coalesce<Request, Result>(
  run: (requests: readonly Request[]) => Promise<readonly Result[]>,
): (request: Request) => Promise<Result> {
  let waiting: Waiting<Request, Result>[] = [];
  let isRunning = false;
  const runAll = async () => {
    isRunning = true;
    // Requests of the same turn of the event loop belong to one batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const results = await run(batch.map(({ request }) => request));
      for (const [at, result] of results.entries()) batch[at]?.settle(result);
    }
    isRunning = false;
  };
  return request =>
    new Promise(settle => {
      waiting.push({ request, settle });
      if (!isRunning) void runAll();
    });
}
