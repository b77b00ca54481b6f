import { createHash } from 'node:crypto';

/** Characters of a token in a row that already count as the token. */
const enough = 8;

/** A unique word that cannot come up by chance, the same in every run. */
export function token(name: string): string {
  const digits = createHash('sha256').update(name).digest();
  return [...digits.subarray(0, 24)].map(byte => (byte % 36).toString(36)).join('');
}

/** A place to plant tokens: gives out a new one for each name, and remembers it. */
export class Planted {
  readonly tokens = new Map<string, string>();

  token(name: string): string {
    const planted = token(name);
    this.tokens.set(name, planted);
    return planted;
  }
}

/** Which tokens show up where: as they are, in any letter case, in base64, hex or URL encoding, or a part of them. */
export function leaks(
  tokens: ReadonlyMap<string, string>,
  places: Readonly<Record<string, string>>,
): readonly string[] {
  return Object.entries(places).flatMap(([place, text]) => {
    const lower = text.toLowerCase();
    return [...tokens].flatMap(([name, planted]) =>
      plainParts(planted).some(part => lower.includes(part)) || base64Parts(planted).some(part => text.includes(part))
        ? [`${name} in ${place}`]
        : [],
    );
  });
}

function plainParts(planted: string): readonly string[] {
  const hex = (char: string) => char.charCodeAt(0).toString(16);
  return windows(planted).flatMap(part => [
    part,
    [...part].map(hex).join(''),
    [...part].map(char => `%${hex(char)}`).join(''),
    [...part].map(char => `\\u00${hex(char)}`).join(''),
  ]);
}

/** Base64 of a part that begins at any of the three bytes of a group. */
function base64Parts(planted: string): readonly string[] {
  return windows(planted).flatMap(part =>
    [0, 1, 2].map(before => {
      const whole = Buffer.from(`${'\0'.repeat(before)}${part}`).toString('base64');
      return whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + part.length) * 8) / 6));
    }),
  );
}

function windows(planted: string): readonly string[] {
  return Array.from({ length: planted.length - enough + 1 }, (_, at) => planted.slice(at, at + enough));
}
