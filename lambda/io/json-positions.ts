export interface JsonPositions {
  /** The index of a value by its JSON pointer (RFC 6901): of its key, or in a list of the value itself. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** Keys that appear again in the same object, which `JSON.parse` does not report. */
  readonly duplicates: readonly { readonly pointer: string; readonly index: number }[];
}

interface Container {
  readonly pointer: string;
  readonly isObject: boolean;
  /** The key or index of the current value. */
  current: string | number;
  expectsKey: boolean;
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gu;

/** Returns where the values of a valid JSON text are. */
export function locateJson(text: string): JsonPositions {
  const indexOf = new Map<string, number>();
  const duplicates: { readonly pointer: string; readonly index: number }[] = [];
  const open: Container[] = [];
  for (const { 0: token, index } of text.matchAll(tokens)) {
    const top = open.at(-1);
    if (token === ',' && top !== undefined) nextEntry(top);
    else if (token === '}' || token === ']') open.pop();
    else if (top?.expectsKey === true) {
      const pointer = readKey(top, token);
      if (indexOf.has(pointer)) duplicates.push({ pointer, index });
      else indexOf.set(pointer, index);
    } else if (token !== ':') {
      const pointer = top === undefined ? '' : pointerTo(top.pointer, top.current);
      if (top?.isObject !== true) indexOf.set(pointer, index);
      if (token === '{' || token === '[') open.push(container(pointer, token === '{'));
    }
  }
  return { indexOf, duplicates };
}

function container(pointer: string, isObject: boolean): Container {
  return { pointer, isObject, current: isObject ? '' : 0, expectsKey: isObject };
}

function nextEntry(top: Container): void {
  if (typeof top.current === 'number') top.current += 1;
  else top.expectsKey = true;
}

function readKey(top: Container, token: string): string {
  top.current = String(JSON.parse(token));
  top.expectsKey = false;
  return pointerTo(top.pointer, top.current);
}

/** Returns the JSON pointer of an entry (RFC 6901, section 3). */
export function pointerTo(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Returns the line and the column of an index in a text, as `(line 3, column 7)`. Both count from 1. */
export function positionText(text: string, index: number): string {
  const lines = text.slice(0, index).split('\n');
  return `(line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1})`;
}
