import { Failure } from '../failure.ts';

/** What every store throws when it cannot do its work; tells nothing of what was stored or why it failed. */
export function storeUnavailable(message = 'the receipt store cannot be reached'): Failure {
  return new Failure('unavailable', message, { alarm: 'store-unavailable' });
}

/** Runs a verb of a store; whatever it throws that is not a refusal of ours becomes `unavailable`. */
export async function asStoreFailure<T>(
  run: () => T | Promise<T>,
  failed: (thrown: unknown) => void = () => {},
): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    failed(thrown);
    throw storeUnavailable();
  }
}
