import { alarmTopicName } from '../../stack/names.ts';
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

/** Checks that someone gets the alarms. Without a confirmed subscription, no person learns that an erasure is stuck. */
export const alarmsCheck: Check = {
  name: 'alarms',
  run: async ({ deployment, local, settings, names }) => {
    if (local !== undefined) return [];
    const { alarmEmail } = settings.operations;
    const unset = alarmEmail === undefined ? [warning(`operations.alarmEmail is not set: ${subscribe}`)] : [];
    if (deployment === undefined) return unset;
    const found = await deployment.alarmSubscribers().catch(() => undefined);
    if (found === undefined) return [...unset, warning(`it is unknown who gets the alarms: ${mayNotList}`)];
    const { confirmed, pending } = found;
    if (confirmed > 0) return [ok(`the topic ${alarmTopicName(names.prefix)} has ${countOf(confirmed)}`)];
    if (pending === 0) return [bad(`NOBODY GETS THE ALARMS: ${noSubscription}`)];
    return [bad(`NOBODY GETS THE ALARMS: ${countOf(pending)}, not confirmed yet: use the link in the e-mail from AWS`)];
  },
};

const subscribe = 'set it and deploy, or subscribe an address to the alarm topic, or alarms notify no one';
const noSubscription = 'set operations.alarmEmail and deploy, or subscribe an address to the alarm topic';
const mayNotList = 'check that you may do sns:ListSubscriptionsByTopic on the alarm topic';

function countOf(count: number): string {
  return count === 1 ? 'one subscription' : `${count} subscriptions`;
}
