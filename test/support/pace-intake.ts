import { resume } from '../../lambda/pause.ts';
import type { House } from './house.ts';
import { ask, registered, wordOf } from './pace-ketch.ts';

export { hour, minute } from './pace-heard.ts';
export * from './pace-ketch.ts';

const minute = 60_000;
const hour = 60 * minute;
const most = 4;
const limits = { requestsPerHour: most };
const why = (house: House) => ({ actor: 'ada', reason: 'it was the spring cleaning', at: house.clock.at });
const resumed = (house: House) => resume('platform:ketch', why(house), house.parts.control);
const paused = 'platform-paused';

/** Asks for people whom everybody has; what each was answered. */
async function askFor(house: House, count: number, from = 0): Promise<readonly (string | number)[]> {
  const words: (string | number)[] = [];
  for (let person = from; person < from + count; person += 1) {
    registered(house, `crm-${person}`);
    words.push(wordOf(await ask(house, `crm-${person}`)));
  }
  return words;
}

const completed = (count: number) => Array.from({ length: count }, () => 'completed');
const held = (count: number) => Array.from({ length: count }, () => 'in_progress');
