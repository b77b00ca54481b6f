import { Failure } from '../../lambda/domain/failure.ts';

/** The refusal that a function throws; throws itself when it throws none, or anything else. */
export function refusalOf(run: () => unknown): Failure {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error('it was not refused');
}
