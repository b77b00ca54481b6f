/** What the operator's tool uses of a local run. It imports nothing else of this folder (`.dependency-cruiser.mjs`). */
export { embeddedSecrets, embeddedSecretTexts } from './embedded-secrets.ts';
export { withSandboxUrls } from './local-settings.ts';
export { localSigner } from './local-signer.ts';
export { manualRoutePath } from './manual-route.ts';
export { onlyToLoopback } from './only-to-loopback.ts';
export { readLocalOptions, UsageError } from './options.ts';
export { type RunFile, readRunFile } from './run-file.ts';
export { openSqliteStore } from './sqlite-store.ts';
