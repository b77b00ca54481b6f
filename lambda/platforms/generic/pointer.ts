/**
 * The value at a JSON pointer (RFC 6901, section 4); `undefined` where there is none. Only what the body itself holds
 * counts, never what every object or array inherits.
 */
export function valueAt(body: unknown, pointer: string): unknown {
  const keys = pointer.split('/').slice(1).map(unescaped);
  return keys.reduce(child, body);
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

function child(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined;
  if (Array.isArray(parent) && key === 'length') return undefined;
  return Reflect.get(parent, key);
}
