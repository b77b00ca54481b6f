import fc from 'fast-check';

/**
 * One kind of attack: how its inputs are generated, and which rules one input breaks. Inputs are JSON, so that they can
 * be kept.
 */
export interface Target<Input> {
  readonly what: string;
  readonly inputs: fc.Arbitrary<Input>;
  /** Returns a text for each rule that the input breaks. */
  readonly check: (input: Input) => Promise<readonly string[]>;
  /** Ends what the inputs of one run share, such as a server. */
  readonly close?: () => Promise<void>;
}

/** An input that broke a rule, reduced to the smallest one that still does. */
export interface Finding {
  readonly input: unknown;
  readonly violations: readonly string[];
}

/** The result of one batch of generated inputs. */
export interface Batch {
  readonly cases: number;
  readonly finding?: Finding;
}

/** Checks generated inputs until one breaks a rule; the same seed generates the same inputs. */
export async function runBatch<Input>(target: Target<Input>, seed: number, cases: number): Promise<Batch> {
  const property = fc.asyncProperty(target.inputs, async input => {
    const violations = await violationsOf(target, input);
    if (violations.length > 0) throw new Error(violations.join('\n'));
  });
  const details = await fc.check(property, { seed, numRuns: cases });
  const input = details.counterexample?.[0];
  if (!details.failed || input === null || input === undefined) return { cases: details.numRuns };
  return { cases: details.numRuns, finding: { input, violations: await violationsOf(target, input) } };
}

/** Checks one input. What the program or the check throws is a violation too. */
export async function violationsOf<Input>(target: Target<Input>, input: Input): Promise<readonly string[]> {
  try {
    return await target.check(input);
  } catch (thrown) {
    return [`threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`];
  }
}
