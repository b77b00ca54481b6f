import { differingSettings, identityText } from '../deployment.ts';
import { bad, type Check, ok, warning } from './check.ts';

/** Shows where the tool works, and as whom. A wrong account, region or stage explains every other result. */
export const identityCheck: Check = {
  name: 'identity',
  run: async ({ deployment, names }) => {
    if (deployment === undefined) return [];
    return deployment.identity().then(
      identity => [ok(identityText(identity, names))],
      () => [bad('unknown: check that credentials are set and valid, and that a region is set')],
    );
  },
};

/** Compares the settings file with the settings of the running function. Names what differs, never a value. */
export const deployedSettingsCheck: Check = {
  name: 'deployed',
  run: async ({ deployment, settings }) => {
    if (deployment === undefined) return [];
    const deployed = await deployment.settings().catch(() => undefined);
    if (deployed === undefined) return [warning(unreadable)];
    const differing = differingSettings(settings, deployed);
    if (differing.length === 0) return [ok('the function has the same settings as the file')];
    return [warning(`the function has other settings than the file at ${differing.join(', ')}: ${fix}`)];
  },
};

const unreadable =
  'the settings of the function cannot be read: check --stage and that you may do lambda:GetFunctionConfiguration';
const fix = 'deploy the file, or pass the deployed one with --settings';
