import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { basename } from 'node:path';

/** A position in the bundle that contains this module: its name, line and column. */
const inBundle = /^(\S+):(\d+):(\d+)$/;

/**
 * Returns the position in the source code for a position in a bundle such as `index.mjs:1:4711`. The bundle's source map is
 * read only here: Node's own `--enable-source-maps` parses it at each cold start. Returns other positions unchanged.
 */
export function sourcePosition(position: string, bundle = import.meta.url): string {
  const [, name, line, column] = inBundle.exec(position) ?? [];
  if (name !== basename(bundle)) return position;
  try {
    const text = readFileSync(new URL(`${bundle}.map`), 'utf8');
    // esbuild wrote it with the bundle; anything else ends in the catch.
    const map = new SourceMap(JSON.parse(text) as SourceMapPayload);
    const found = map.findOrigin(Number(line), Number(column));
    return 'fileName' in found ? `${basename(found.fileName)}:${found.lineNumber}:${found.columnNumber}` : position;
  } catch {
    return position;
  }
}
