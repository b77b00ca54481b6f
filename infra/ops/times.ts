/** A time (epoch milliseconds) for people and scripts: ISO 8601 in UTC, to the second. */
export function instant(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** How long something takes (milliseconds), in the two units that say most. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / minuteMs);
  if (ms < hourMs) return `${minutes} min`;
  const hours = Math.floor(ms / hourMs);
  return ms < dayMs ? `${hours} h ${minutes % 60} min` : `${Math.floor(ms / dayMs)} d ${hours % 24} h`;
}
