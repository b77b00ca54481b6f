import { parseSettings, SettingsError, type SettingsTarget } from '../../lambda/io/settings.ts';

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
  limits: { customersPerRequest: 5, requestsPerHour: 500, holdSeconds: 0, answerBudgetMs: 8000 },
  operations: { alarmEmail: 'on-call@example.com', allowIps: ['192.0.2.0/24', '2001:db8::/32'] },
};

export const ends = ['deployed', 'local'] as const;

/** What is wrong with settings; empty when they fit. */
export function problemsOf(text: string, where: SettingsTarget = 'deployed'): string[] {
  try {
    parseSettings(text, where);
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.message.replace(/^settings: /, '').split('; ');
    throw thrown;
  }
  return [];
}

export function spoiled(change: (settings: Loose) => void, where?: SettingsTarget): string[] {
  return problemsOf(settingsText(change), where);
}
