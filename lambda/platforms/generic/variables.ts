/** A variable that is a header of the message. */
export const headerVariable = /^header:[A-Za-z0-9-]+$/;

/** Returns whether a variable is a place in the message. */
export function isMessageVariable(name: string): boolean {
  return /^(message:)?(\/|$)/.test(name) || headerVariable.test(name);
}

/** Returns the name of the secret that a variable of a callback's header stands for. */
export function secretVariable(name: string): string | undefined {
  return /^secret:([A-Za-z][A-Za-z0-9_-]{0,39})$/.exec(name)?.[1];
}

/** Returns the place in the message that a variable of a callback's header stands for. */
export function keptPlace(name: string): string | undefined {
  return /^kept:(header:[A-Za-z0-9-]+|(message:)?\/.+)$/.exec(name)?.[1];
}
