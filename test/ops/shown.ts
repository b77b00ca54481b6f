import { vi } from 'vitest';
import type { Office } from './office.ts';

/** The lines under each heading. */
export async function answers(at: Office, id: string): Promise<Readonly<Record<string, string>>> {
  const { lines } = await at.run('show', id);
  const text = lines.join('\n');
  return Object.fromEntries(
    text
      .split('\n\n')
      .slice(1)
      .map(section => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n') + 1)]),
  );
}

/** What a command says on standard error. */
export function errors() {
  return vi.spyOn(console, 'error').mockImplementation(() => undefined);
}
