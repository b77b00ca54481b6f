import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { SettingsError } from '../lambda/settings.ts';
import { ErasureStack, readStackOptions } from './stack/stack.ts';

const app = new App();
try {
  const { stage, settings, apiLogRole, rollbackOnAlarms } = readStackOptions(app.node.getAllContext());
  const id = stage === undefined ? 'VoucherifyErasure' : `VoucherifyErasure-${stage}`;
  new ErasureStack(app, id, { settings, apiLogRole, rollbackOnAlarms, ...(stage === undefined ? {} : { stage }) });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  app.synth();
} catch (error) {
  // Invalid settings: the operator needs one line. Anything else is a bug and keeps its stack trace.
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exit(1);
}
