import { bad, type Check, ok } from './finding.ts';

/** Whether `npm start` is under way; only on this machine. */
export const localRunCheck: Check = {
  name: 'npm start',
  run: async ({ local }) => {
    if (local === undefined) return [];
    if (local.run === undefined)
      return [bad('is not running in the folder that DATA_DIR names: start it with npm start')];
    return [ok(`is running at ${local.run.url} since ${local.run.startedAt}`)];
  },
};
