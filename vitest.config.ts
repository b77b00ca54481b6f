import { defineConfig } from 'vitest/config';

/** Tests that start other programs, a browser or real database engines, or try thousands of orders of events. */
const slow = [
  'test/{chaos,fresh-clone,fuzz,model,package}/**/*.test.ts',
  'test/aws/dynamodb*.test.ts',
  'test/docs/runbook.test.ts',
  'test/infra/{app,settings-schema,tools,trace-request}.test.ts',
  'test/local/{page,run}.test.ts',
  'test/ops/{doctor-deployed,erase,ops,secret}.test.ts',
];

/** `npm test` runs the project "quick", the gate (`npm run check`) both. */
export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: slow } },
      { extends: true, test: { name: 'slow', include: slow } },
    ],
    // Files share no state, so they can share a worker: loading the CDK once and not a dozen times saves half a minute.
    isolate: false,
    maxWorkers: '100%',
    // Generous: a busy machine is slow, and slow is not wrong. A test that never ends still ends the run.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 240_000 } },
    // What a passing test prints is of no interest.
    silent: 'passed-only',
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    coverage: {
      provider: 'v8',
      include: ['lambda/**/*.ts', 'infra/**/*.ts'],
      // Commands: their tests run them as processes, where nothing is counted.
      exclude: [
        'infra/app.ts',
        'infra/local/start.ts',
        'infra/local/demo*.ts',
        'infra/ops/{ops,commands,terminal}.ts',
        'infra/ops/{secret,read-identifiers}.ts',
        'infra/tools/{arrows,check,run-tool,sbom,licences}.ts',
        'infra/tools/{trace-request,traced-request,exported-names,build-package,new-platform,openapi}.ts',
      ],
      // Most uncovered branches are fallbacks that the type checker demands, such as `list[0] ?? ''`.
      thresholds: { statements: 99, lines: 99, functions: 99, branches: 96 },
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
