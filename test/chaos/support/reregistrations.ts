import type { Ask, Person } from './people.ts';
import type { World } from './world.ts';

/** Longest that an attempt takes from looking somebody up to deleting them, in milliseconds. */
const attemptMs = 30_000;

/**
 * The people of one request sign up again under what they were known by: after the program has deleted them, or after
 * somebody else has, between two attempts. Whoever signs up later is not the one who was meant.
 */
export function reregistrations(world: World, { people, uid }: Ask, at: number): void {
  const { random, time, truth } = world;
  for (const person of people) {
    const again = () => {
      const isOdd = random.chance(0.2);
      time.in(random.between(0, random.pick([0, 1000, 30_000, 120_000])) + (isOdd ? attemptMs : 0), () => {
        truth.newcomer(signUp(person, isOdd, world), uid);
      });
    };
    if (random.chance(0.5)) {
      world.voucherify.onDeleted(id => {
        if (id === person.id) again();
      });
      continue;
    }
    time.in(at + random.pick([0, 200, 1000, 20_000, 300_000]), () => {
      const how = random.pick(['soft', 'permanent'] as const);
      if (!world.voucherify.removeByOthers(person.id, person.project, how)) return;
      truth.note(uid, `somebody else deletes ${person.id}, ${how}`);
      again();
    });
  }
}

/**
 * An odd one is known by the old one's id, which the same path takes. Not within one attempt: Voucherify offers no call
 * that would tell the two apart between the look-up and the deletion that follows it at once.
 */
function signUp({ customer, id, project }: Person, isOdd: boolean, { voucherify }: World): string {
  const { source_id, ...rest } = customer;
  const known = isOdd ? { source_id: id } : { ...(source_id === undefined ? {} : { source_id }) };
  return voucherify.sandbox.register({ ...rest, ...known }, project);
}
