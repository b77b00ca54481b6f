import { existsSync, writeFileSync } from 'node:fs';
import { pepperName } from '../../lambda/domain/names.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import { isStage, secretNames } from '../stack/names.ts';
import { OpsUsageError } from './args.ts';
import type { OfflineCommand } from './context.ts';
import { createSettings } from './create-settings.ts';
import { defaultSettingsFile } from './packaged-files.ts';
import { type Output, openPrompt } from './terminal.ts';

export const initCommand: OfflineCommand = {
  summary: 'write a settings file: asks, or takes the answers as options',
  options: {
    platforms: { type: 'string' },
    projects: { type: 'string' },
    cluster: { type: 'string' },
    'alarm-email': { type: 'string' },
    set: { type: 'string', multiple: true },
    out: { type: 'string' },
    force: { type: 'boolean' },
  },
  help: `npm run ops -- init [--platforms NAMES] [--projects NAMES] [--cluster CLUSTER]
  [--alarm-email ADDRESS] [--set PLATFORM.FIELD=VALUE]... [--out FILE]
  [--force]

Writes a settings file that can be deployed, and prints the next three steps. On
a terminal it asks for what no option says. It writes no secret.

  --platforms NAMES  ketch, transcend, segment, shopify, or recipes such as
                     onetrust (docs/platforms/README.md), separated by commas
  --projects NAMES   names of your choice for your Voucherify projects; the
                     default is main
  --cluster CLUSTER  eu1, us1, as1, or the API endpoint from Project settings
  --alarm-email ADDRESS
                     receives the alarms
  --set PLATFORM.FIELD=VALUE
                     a value that a platform needs, such as ketch.tenants=acme;
                     lists and pairs are separated by commas
  --out FILE         the default is ${defaultSettingsFile}
  --force            replaces the file

  npm run ops -- init --force
  npm run ops -- init --platforms shopify --cluster us1 --out shop.json \\
    --set shopify.shops=acme.myshopify.com --alarm-email oncall@example.com
`,
  runOffline: async (args, output) => {
    if (args.positionals.length > 0) throw new OpsUsageError('init: takes options only, no arguments');
    const file = args.text('out') ?? defaultSettingsFile;
    if (existsSync(file) && !args.isSet('force'))
      throw new OpsUsageError(`${file} exists: --force replaces it, and --out FILE writes another file`);
    const stage = args.text('stage');
    if (stage !== undefined && !isStage(stage)) throw new OpsUsageError('--stage: must be a short lower-case name');
    const prompt = openPrompt();
    const text = await createSettings(args, file, prompt?.ask).finally(() => prompt?.close());
    write(file, text);
    return report(text, { file, stage }, output);
  },
};

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch {
    throw new OpsUsageError(`${file}: cannot be written`);
  }
}

function report(text: string, { file, stage }: WrittenFile, output: Output): number {
  const steps = nextSteps(parseSettings(text, 'deployed'), { file: file === defaultSettingsFile ? '' : file, stage });
  if (output.json) output.printJson({ file, steps });
  else {
    output.print(`${file} is written. Next:\n`);
    for (const [at, { what, commands }] of steps.entries()) {
      output.print(`${at + 1}. ${what}`);
      for (const command of commands) output.print(`   ${command}`);
    }
  }
  return 0;
}

interface WrittenFile {
  readonly file: string;
  readonly stage: string | undefined;
}

/** One step of a deployment, and its commands. */
interface DeployStep {
  readonly what: string;
  readonly commands: readonly string[];
}

interface DeployTarget {
  /** Path of the settings, or empty for the default one. */
  readonly file: string;
  readonly stage: string | undefined;
}

/** Returns the steps that follow new settings. Commands of the tool get the stage when they are printed. */
function nextSteps(settings: Settings, { file, stage }: DeployTarget): readonly DeployStep[] {
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
