/** The entry point of the npm package: the construct, and the settings that it needs. */
export { parseSettings, type Settings, SettingsError } from '../lambda/settings.ts';
export { ErasureWebhook, type ErasureWebhookProps } from './stack/erasure-webhook.ts';
export { ErasureStack } from './stack/stack.ts';
