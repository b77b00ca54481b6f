import { pepperName } from '../../../lambda/domain/names.ts';
import type { Settings } from '../../../lambda/settings.ts';
import { secretNames } from '../../stack/names.ts';

/** One step of a deployment, and its commands. */
export interface DeployStep {
  readonly what: string;
  readonly commands: readonly string[];
}

interface DeployTarget {
  /** Path of the settings, or empty for the default one. */
  readonly file: string;
  readonly stage: string | undefined;
}

/** Returns the steps that follow new settings. Commands of the tool get the stage when they are printed. */
export function nextSteps(settings: Settings, { file, stage }: DeployTarget): readonly DeployStep[] {
  const option = file === '' ? '' : ` --settings ${file}`;
  const context = `${stage === undefined ? '' : ` -c stage=${stage}`}${file === '' ? '' : ` -c settings=${file}`}`;
  const names = secretNames(settings).filter(name => name !== pepperName);
  const [platform = ''] = Object.keys(settings.platforms);
  return [
    {
      what: 'Deploy, with AWS credentials and a region (cdk bootstrap: once for each):',
      commands: ['npx cdk bootstrap', `npx cdk deploy --no-rollback${context}`],
    },
    {
      what: 'Store the secrets. Each command asks for the values and shows none:',
      commands: names.map(name => `npm run ops -- secret set ${name.replace('erasure/', '')}${option}`),
    },
    {
      what: 'Check the deployment, then send test requests as the platform would:',
      commands: [`npm run ops -- doctor${option}`, `npm run ops -- try ${platform} --url <WebhookUrl>${option}`],
    },
  ];
}
