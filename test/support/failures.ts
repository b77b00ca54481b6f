import { Failure } from '../../lambda/domain/failure.ts';

/** Returns the failure that a function throws. Throws when the function throws no `Failure`. */
export function failureOf(run: () => unknown): Failure {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error('the function threw no failure');
}

/** An unexpected error, with a message that no log line may contain. */
export function unexpectedError(message: string): TypeError {
  return new TypeError(message);
}
