import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An input that once broke a rule. */
interface Kept {
  readonly file: string;
  readonly target: string;
  readonly what: string;
  readonly input: unknown;
}

const folder = join(import.meta.dirname, '../corpus');

/** Reads every kept input. */
export const corpus: readonly Kept[] = readdirSync(folder)
  .filter(file => file.endsWith('.json'))
  .toSorted()
  .map(file => ({ file, ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Omit<Kept, 'file'>) }));
