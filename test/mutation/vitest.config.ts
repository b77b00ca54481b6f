import { defineConfig } from 'vitest/config';

/** Tests of many seconds: thousands of random orders of events, and the whole service. They would be repeated for each mutant. */
const slow = [
  'test/erasure/attempt-faults.test.ts',
  'test/receipts/sequences.test.ts',
  'test/platforms/recipes.test.ts',
];

/** The tests that a folder's mutants are run against: those of its own folder and of the folders that use it most. */
export default defineConfig({
  test: {
    include: (process.env['MUTATION_TESTS'] ?? '').split(','),
    exclude: slow,
    isolate: false,
    // A mutant that never ends is killed by Stryker's own timeout.
    testTimeout: 60_000,
    silent: true,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
  },
});
