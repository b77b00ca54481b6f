import fc from 'fast-check';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import { parseSettings, type Settings, SettingsError } from '../../../lambda/settings.ts';
import { ends, settingsText } from '../../support/settings.ts';
import { edited, edits } from '../support/edits.ts';
import type { Target } from '../support/target.ts';
import { platforms } from '../support/world.ts';

const canary = 'canary-4f1c';

const inputs = fc.record({
  edits: edits(5),
  /** Changes of the text: cut, doubled, or with a piece inserted. */
  text: fc.option(
    fc.record({
      at: fc.nat(1500),
      removes: fc.nat(20),
      inserts: fc.constantFrom('', ',', '}', '"', '\u{feff}', '/**/', canary),
    }),
    { freq: 3 },
  ),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** Settings files: each is refused with the names of its problems and none of its values, or is safe. */
export const settings: Target<Input> = {
  what: 'settings with any value changed and any text cut: refused by name, or safe',
  inputs,
  check: async input => {
    const sound = JSON.parse(settingsText(all => Object.assign(all['platforms'], platforms))) as object;
    const text = changed(JSON.stringify(edited(sound, input.edits)), input.text);
    return ends.flatMap(end => brokenBy(text, end));
  },
};

function changed(text: string, change: Input['text']): string {
  if (change === null) return text;
  const at = change.at % text.length;
  return text.slice(0, at) + change.inserts + text.slice(at + change.removes);
}

function brokenBy(text: string, end: (typeof ends)[number]): readonly string[] {
  try {
    const accepted = parseSettings(text, end);
    openPlatforms(accepted.platforms);
    return unsafe(accepted, end);
  } catch (thrown) {
    if (!(thrown instanceof SettingsError)) return [`threw ${String(thrown)}`];
    // A problem begins with the names of its place, which the file chose.
    const problems = thrown.message.split('; ').map(problem => problem.slice(problem.lastIndexOf(': ')));
    const repeated = ['x'.repeat(50), canary, '169.254'].filter(value => problems.some(one => one.includes(value)));
    return repeated.map(value => `the error repeats ${value.slice(0, 20)}`);
  }
}

/** What no accepted settings may allow. */
function unsafe({ projects, limits, platforms: accepted }: Settings, end: string): readonly string[] {
  const origins = Object.values(accepted).flatMap(section => originsIn(section));
  return [
    ...Object.values(projects).flatMap(({ baseUrl, quotaShare, callsPerMinute }) => [
      ...(isVoucherify(baseUrl, end) ? [] : [`keys would go to ${baseUrl}`]),
      ...(quotaShare > 0 && quotaShare <= 1 ? [] : [`a share of ${quotaShare}`]),
      ...(callsPerMinute > 0 && Number.isFinite(callsPerMinute) ? [] : [`${callsPerMinute} calls a minute`]),
    ]),
    ...Object.entries(limits).flatMap(([name, value]) =>
      Number.isSafeInteger(value) && value >= 0 ? [] : [`${name} is ${value}`],
    ),
    ...origins.flatMap(origin => (isOrigin(origin, end) ? [] : [`callbacks would go to ${origin}`])),
  ];
}

function isVoucherify(baseUrl: string, end: string): boolean {
  const { protocol, hostname, username } = new URL(baseUrl);
  const isTheirs =
    protocol === 'https:' && (hostname === 'api.voucherify.io' || hostname.endsWith('.api.voucherify.io'));
  return username === '' && (isTheirs || (end === 'local' && isLoopback(hostname)));
}

function originsIn(section: unknown): readonly string[] {
  const { callbackOrigins = [] } = section as { callbackOrigins?: readonly string[] };
  return callbackOrigins;
}

function isOrigin(origin: string, end: string): boolean {
  const { protocol, hostname, origin: own } = new URL(origin);
  return (
    own === origin && ((protocol === 'https:' && /[a-z]$/.test(hostname)) || (end === 'local' && isLoopback(hostname)))
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
