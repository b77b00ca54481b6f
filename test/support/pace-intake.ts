import { resume } from '../../lambda/control/pauses.ts';
import type { Harness } from './harness.ts';
import { ask, registered, wordOf } from './pace-ketch.ts';

/** What a platform may ask for in an hour, in these tests. */
export const most = 4;
export const limits = { requestsPerHour: most };
export const paused = 'platform-paused';

export function why(harness: Harness) {
  return { actor: 'ada', reason: 'it was the spring cleaning', at: harness.clock.now };
}

export function resumed(harness: Harness): Promise<boolean> {
  return resume('platform:ketch', why(harness), harness.services.control);
}

/** Asks for people who are all there, one after the other; what each was answered. */
export async function askFor(harness: Harness, count: number, from = 0): Promise<readonly (string | number)[]> {
  const words: (string | number)[] = [];
  for (let person = from; person < from + count; person += 1) {
    registered(harness, `crm-${person}`);
    words.push(wordOf(await ask(harness, `crm-${person}`)));
  }
  return words;
}

export function completed(count: number): readonly string[] {
  return Array.from({ length: count }, () => 'completed');
}

export function held(count: number): readonly string[] {
  return Array.from({ length: count }, () => 'in_progress');
}
