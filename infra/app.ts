import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { SettingsError } from '../lambda/io/settings.ts';
import { readStackOptions } from './options.ts';
import { ErasureStack } from './stack.ts';

const app = new App();
try {
  const { stage, settings, apiLogRole } = readStackOptions(key => app.node.tryGetContext(key));
  const id = stage === undefined ? 'VoucherifyErasure' : `VoucherifyErasure-${stage}`;
  new ErasureStack(app, id, { settings, apiLogRole, ...(stage === undefined ? {} : { stage }) });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  app.synth();
} catch (error) {
  // Wrong settings are the operator's to mend: one line. Anything else is ours, and shows its stack.
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exit(1);
}
