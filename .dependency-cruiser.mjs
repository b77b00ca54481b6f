/** The layers of lambda/, lowest first. A file may import only its own layer and lower ones. */
const layers = [
  '^lambda/domain/',
  '^lambda/io/',
  '^lambda/authentication/',
  '^lambda/control/',
  '^lambda/quota/',
  '^lambda/receipts/',
  '^lambda/voucherify/',
  '^lambda/platforms/',
  '^lambda/settings\\.ts$',
  '^lambda/services\\.ts$',
  '^lambda/erasure/',
  '^lambda/request/',
  '^lambda/reappearance/',
  '^lambda/sweep/',
  '^lambda/aws/',
  '^lambda/(webhook|sweeper|events|deployment-check)\\.ts$',
];

/** The same for infra/: the stack knows neither the local run nor the operator's tool, and no folder depends on tools. */
const infraLayers = [
  '^infra/stack/',
  '^infra/local/sandbox/',
  '^infra/local/page/',
  '^infra/local/[^/]+\\.ts$',
  '^infra/ops/',
  '^infra/(tools/|app\\.ts$)',
];

/** One rule for each layer but the highest: the order rules out cycles between folders too. */
const upward = [layers, infraLayers].flatMap(order =>
  order.slice(0, -1).map((layer, at) => ({
    name: `no-import-upward: ${layer.replace(/[\^$\\]/g, '')}`,
    comment: 'A lower layer must not depend on a higher one.',
    severity: 'error',
    from: { path: layer },
    to: { path: order.slice(at + 1) },
  })),
);

export default {
  forbidden: [
    ...upward,
    {
      name: 'no-circular',
      comment: 'Merge the two files, or move what both need to a third one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file without imports that no file imports is unused.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [
          '\\.d\\.ts$',
          '^test/bench/peers/noop\\.mjs$',
          '^vitest\\.config\\.ts$',
          '^\\.dependency-cruiser\\.mjs$',
        ],
      },
      to: {},
    },
    {
      name: 'no-undeclared-packages',
      comment: 'Every imported package is in package.json; those of the peers are in their own.',
      severity: 'error',
      from: { pathNot: '^test/bench/peers/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'lambda-is-independent',
      comment: 'The functions must not depend on the stack, the local run or the tests.',
      severity: 'error',
      from: { path: '^lambda/' },
      to: { path: ['^infra/', '^test/', 'node_modules/(aws-cdk-lib|constructs|cdk-nag)/'] },
    },
    {
      name: 'no-import-of-tests',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'domain-imports-nothing',
      comment: 'Every layer uses these types, so they depend on none.',
      severity: 'error',
      from: { path: '^lambda/domain/' },
      to: { pathNot: '^lambda/domain/|^(node:)?url$' },
    },
    {
      name: 'platforms-are-independent',
      comment: 'A platform is one file or one folder; removing it changes the table and nothing else.',
      severity: 'error',
      from: {
        path: '^lambda/platforms/([^/.]+)(/|\\.ts$)',
        pathNot: '^lambda/platforms/(index|platform|common-settings|identities)\\.ts$',
      },
      to: {
        path: '^lambda/platforms/([^/.]+)(/|\\.ts$)',
        pathNot: ['^lambda/platforms/$1(/|\\.ts$)', '^lambda/platforms/(platform|common-settings|identities)\\.ts$'],
      },
    },
    {
      name: 'platforms-neither-erase-nor-store',
      comment: 'A platform verifies, parses and replies.',
      severity: 'error',
      from: { path: '^lambda/platforms/' },
      to: { path: '^lambda/(voucherify|receipts|quota|control)/' },
    },
    {
      name: 'aws-sdk-only-in-aws',
      comment: 'Everything else runs without AWS.',
      severity: 'error',
      from: { path: '^lambda/', pathNot: '^lambda/aws/' },
      to: { path: 'node_modules/(@aws-sdk|@smithy|@middy|aws-lambda|@types/aws-lambda)/' },
    },
    {
      name: 'only-entries-use-aws-services',
      severity: 'error',
      from: { path: '^lambda/', pathNot: '^lambda/(webhook|sweeper|events)\\.ts$' },
      to: { path: '^lambda/aws/aws-services\\.ts$' },
    },
    {
      name: 'ops-uses-local-through-its-index',
      comment: 'What the operator tool needs of a local run is listed in one file.',
      severity: 'error',
      from: { path: '^infra/ops/' },
      to: { path: '^infra/local/', pathNot: '^infra/local/index\\.ts$' },
    },
    {
      name: 'only-names-of-the-stack',
      comment: 'The local run and the operator tool share names and texts with the stack and do not load the CDK.',
      severity: 'error',
      from: { path: '^infra/(local|ops)/' },
      to: {
        path: ['^infra/stack/', 'node_modules/(aws-cdk-lib|constructs|cdk-nag)/'],
        pathNot: '^infra/stack/(names|settings-warnings|alarm-catalog)\\.ts$',
      },
    },
    {
      name: 'sandbox-is-independent',
      comment: 'The sandbox Voucherify must not repeat a mistake of the code that it tests.',
      severity: 'error',
      from: { path: '^infra/local/sandbox/' },
      to: { path: ['^lambda/', '^infra/stack/'] },
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
