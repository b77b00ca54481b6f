/**
 * Returns the candidate that a misspelt name probably means: the one that the fewest changed, added or removed letters lead
 * to, if they are two, or at most a third of the name. Returns `undefined` if no candidate is that close.
 */
function closest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(name.length < 4 ? 1 : 2, Math.floor(name.length / 3));
  const rated = [...candidates].map(candidate => ({ candidate, distance: distanceOf(name, candidate) }));
  const [best] = rated.filter(({ distance }) => distance <= limit).toSorted((a, b) => a.distance - b.distance);
  return best?.candidate;
}

/** Levenshtein distance, without regard to upper and lower case. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a.toLowerCase()].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b.toLowerCase()].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Returns `; did you mean …?` for a misspelt name, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const meant = closest(name, candidates);
  return meant === undefined || meant === name ? '' : `; did you mean ${meant}?`;
}
