/** What the operator's tool uses of a local run. It imports nothing else of this folder (`.dependency-cruiser.mjs`). */
export { embeddedSecrets, embeddedSecretTexts, localSigner } from './embedded-secrets.ts';
export { onlyToLoopback, withSandboxUrls } from './local-settings.ts';
export { readLocalOptions, UsageError } from './options.ts';
export { manualRoutePath, type RunFile, readRunFile } from './run-file.ts';
export { openSqliteStore } from './sqlite-store.ts';
