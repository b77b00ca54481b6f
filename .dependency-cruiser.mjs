/** Which way imports may point; the design's layout in rules. */
const lambda = '^lambda/';

export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one file, or hide a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that imports nothing is not part of the house.',
      severity: 'error',
      from: { orphan: true, pathNot: ['\\.d\\.ts$', '^vitest\\.config\\.ts$', '^\\.dependency-cruiser\\.mjs$'] },
      to: {},
    },
    {
      name: 'no-undeclared-packages',
      comment: 'What is imported is in package.json.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'lambda-stands-alone',
      comment: 'The function knows neither the stack, nor your machine, nor its tests.',
      severity: 'error',
      from: { path: lambda },
      to: { path: ['^infra/', '^test/', 'node_modules/(aws-cdk-lib|constructs|cdk-nag)/'] },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'words-import-nothing',
      comment: 'Everybody speaks these words, so they can depend on nobody; an e-mail address has one form everywhere.',
      severity: 'error',
      from: { path: '^lambda/(erasure|failure|email)\\.ts$' },
      to: { pathNot: '^lambda/email\\.ts$|^(node:)?url$' },
    },
    {
      name: 'platforms-know-no-other-platform',
      comment: 'A platform is one file or one folder; deleting it touches the table and nothing else.',
      severity: 'error',
      from: {
        path: '^lambda/platforms/([^/.]+)(/|\\.ts$)',
        pathNot: '^lambda/platforms/(index|platform|common-settings|fields)\\.ts$',
      },
      to: {
        path: '^lambda/platforms/([^/.]+)(/|\\.ts$)',
        pathNot: ['^lambda/platforms/$1(/|\\.ts$)', '^lambda/platforms/(platform|common-settings|fields)\\.ts$'],
      },
    },
    {
      name: 'platforms-know-no-voucherify',
      comment: 'A platform proves, reads and words; it does not erase, store or send.',
      severity: 'error',
      from: { path: '^lambda/platforms/' },
      to: { path: '^lambda/(voucherify|receipts|callbacks)/|^lambda/(attempt|receive|sweep|parts)\\.ts$' },
    },
    {
      name: 'authenticity-knows-no-platform',
      severity: 'error',
      from: { path: '^lambda/authenticity/' },
      to: { path: lambda, pathNot: '^lambda/(authenticity/|erasure\\.ts|failure\\.ts|io/json\\.ts)' },
    },
    {
      name: 'voucherify-knows-no-platform-and-no-line',
      severity: 'error',
      from: { path: '^lambda/voucherify/' },
      to: {
        path: lambda,
        pathNot:
          '^lambda/(voucherify/|email\\.ts|erasure\\.ts|failure\\.ts|io/(json|outbound|secret|settings)\\.ts|receipts/control\\.ts)',
      },
    },
    {
      name: 'receipts-know-only-words',
      severity: 'error',
      from: { path: '^lambda/receipts/' },
      to: { path: lambda, pathNot: '^lambda/(receipts/|email\\.ts|erasure\\.ts|failure\\.ts)' },
    },
    {
      name: 'callbacks-know-no-receipts',
      severity: 'error',
      from: { path: '^lambda/callbacks/' },
      to: {
        path: lambda,
        pathNot: '^lambda/(callbacks/|erasure\\.ts|failure\\.ts|io/outbound\\.ts|platforms/platform\\.ts)',
      },
    },
    {
      name: 'aws-only-in-io',
      comment: 'AWS has one room; the lines would run on anything.',
      severity: 'error',
      from: { path: lambda, pathNot: '^lambda/io/' },
      to: { path: 'node_modules/(@aws-sdk|@smithy|@middy|aws-lambda|@types/aws-lambda)/' },
    },
    {
      name: 'only-entries-wire-aws',
      severity: 'error',
      from: { path: lambda, pathNot: '^lambda/(webhook|sweeper)\\.ts$' },
      to: { path: '^lambda/io/aws-ports\\.ts$' },
    },
    {
      name: 'nobody-imports-the-entries',
      comment: 'Local runs and tests reach the handlers through them, the function does not.',
      severity: 'error',
      from: { path: lambda },
      to: { path: '^lambda/(webhook|sweeper)\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
