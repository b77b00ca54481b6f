import { parseSettings, SettingsError } from '../../lambda/settings.ts';
import type { SettingsTarget } from '../../lambda/voucherify/project-settings.ts';

/** Settings that fit everywhere; `change` gets a copy that it may spoil. */
export function settingsText(change: (settings: Loose) => void = () => {}): string {
  const settings = structuredClone(fitting);
  change(settings);
  return JSON.stringify(settings);
}

/** Settings that may hold anything. */
export interface Loose {
  // biome-ignore lint/suspicious/noExplicitAny: these tests write what no type would let them
  [name: string]: any;
}

const fitting: Loose = {
  $schema: './settings.schema.json',
  projects: {
    main: { baseUrl: 'https://api.voucherify.io', auth: 'api-key', quotaShare: 0.5, callsPerMinute: 100 },
    'eu-2': { baseUrl: 'https://eu1.api.voucherify.io', quotaPeriod: 'hour' },
  },
  platforms: {
    ketch: {
      header: 'Authorization',
      tenants: ['axonic'],
      environments: ['production'],
      identities: { account_id: 'source_id', email: 'email' },
      callbackOrigins: ['https://dsr.ketch.com'],
      projects: ['main'],
    },
  },
  limits: { customersPerRequest: 5, requestsPerHour: 500, delaySeconds: 0, answerBudgetMs: 8000 },
  operations: { alarmEmail: 'on-call@example.com', allowIps: ['192.0.2.0/24', '2001:db8::/32'] },
};

export const ends = ['deployed', 'local'] as const;

/** What is wrong with settings, as `path.to.field: problem`, without positions and hints; empty when they fit. */
export function problemsOf(text: string, where: SettingsTarget = 'deployed'): string[] {
  try {
    parseSettings(text, where);
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.problems.map(plainProblem);
    throw thrown;
  }
  return [];
}

export function spoiled(change: (settings: Loose) => void, where?: SettingsTarget): string[] {
  return problemsOf(settingsText(change), where);
}

function plainProblem(problem: string): string {
  const [, pointer = '', said = problem] = /^(\/.*?)(?: \(line \d+, column \d+\))?: (.*)$/.exec(problem) ?? [];
  const path = pointer
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return `${path.join('.')}${path.length > 0 ? ': ' : ''}${said.replace(/; (did you mean|allowed are) .*$/, '')}`;
}
