import { defineConfig } from 'vitest/config';

/** The tests that a folder's mutants are run against: those of its own folder and of the folders that use it most. */
export default defineConfig({
  test: {
    include: (process.env['MUTATION_TESTS'] ?? '').split(','),
    // A mutant that never ends is killed by Stryker's own timeout.
    testTimeout: 60_000,
    silent: true,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
  },
});
