import { describeSmall } from './support/small.ts';

for (const name of ['quota', 'backlog', 'flood', 'projects', 'keys', 'hourly', 'small-quota', 'replays'])
  describeSmall(name);
