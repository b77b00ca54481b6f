import { paceOf } from '../../../lambda/voucherify/pacer.ts';
import { bad, type Check, type Finding, moment, ok, type Patient, warning } from './finding.ts';

/** Whether a project is closed for everybody, until when and why. */
export const paceCheck: Check = {
  name: 'pace',
  examine: async patient =>
    (await Promise.all(Object.keys(patient.settings.projects).map(name => ofProject(name, patient)))).flat(),
};

async function ofProject(name: string, { control, now }: Patient): Promise<readonly Finding[]> {
  const pace = await paceOf(name, control);
  if (pace === undefined) {
    return [bad(`${name}: its row cannot be read, so nobody calls: deploy the version that wrote it`)];
  }
  const { closed, restUntil = 0 } = pace;
  if (closed !== undefined && closed.until > now()) {
    return [
      warning(`${name}: closed until ${moment(closed.until)} (${closed.code}): ${whatToDo[closed.code] ?? itself}`),
    ];
  }
  if (restUntil > now())
    return [warning(`${name}: rests until ${moment(restUntil)}, since the shop needs what is left`)];
  return [ok(`${name}: open`)];
}

const itself = 'it opens by itself; nothing is lost';
const whatToDo: Readonly<Record<string, string>> = {
  'key-refused': 'a new key in its secret opens it at once (RUNBOOK.md#voucherify-refuses-us)',
  'quota-exhausted': 'one call an hour tries (RUNBOOK.md#voucherify-refuses-us)',
};
