import { resume } from '../../lambda/pause.ts';
import type { House } from './house.ts';
import { ask, registered, wordOf } from './pace-ketch.ts';

/** What a platform may ask for in an hour, in these tests. */
export const most = 4;
export const limits = { requestsPerHour: most };
export const paused = 'platform-paused';

export function why(house: House) {
  return { actor: 'ada', reason: 'it was the spring cleaning', at: house.clock.at };
}

export function resumed(house: House): Promise<boolean> {
  return resume('platform:ketch', why(house), house.services.control);
}

/** Asks for people who are all there, one after the other; what each was answered. */
export async function askFor(house: House, count: number, from = 0): Promise<readonly (string | number)[]> {
  const words: (string | number)[] = [];
  for (let person = from; person < from + count; person += 1) {
    registered(house, `crm-${person}`);
    words.push(wordOf(await ask(house, `crm-${person}`)));
  }
  return words;
}

export function completed(count: number): readonly string[] {
  return Array.from({ length: count }, () => 'completed');
}

export function held(count: number): readonly string[] {
  return Array.from({ length: count }, () => 'in_progress');
}
