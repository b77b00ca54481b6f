import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Files share no state, so they can share a worker: loading the CDK once and not a dozen times saves half a minute.
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    coverage: {
      provider: 'v8',
      include: ['lambda/**/*.ts', 'infra/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
