import { generateKeyPairSync } from 'node:crypto';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });

/** Settings with every key, none with its default value. */
export const everySetting = {
  $schema: './settings.schema.json',
  projects: {
    main: {
      baseUrl: 'https://us1.api.voucherify.io',
      auth: 'oauth',
      quotaShare: 0.25,
      callsPerMinute: 1000,
      quotaPeriod: 'hour',
    },
  },
  platforms: {
    ketch: {
      projects: ['main'],
      callbackOrigins: ['https://dsr.ketch.com'],
      header: 'X-Ketch-Secret',
      tenants: ['axonic'],
      environments: ['production'],
      identities: { account_id: 'source_id' },
    },
    transcend: {
      projects: ['main'],
      audience: 'acme',
      sombraUrl: 'https://sombra.example.com',
      header: 'x-secret',
      identities: { coreIdentifier: 'source_id' },
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
    },
    segment: { projects: ['main'], header: 'x-secret', userId: 'customer_id' },
    shopify: { projects: ['main'], shops: ['acme.myshopify.com'], customerId: 'source_id' },
    generic: sender({ reference: '/id', identifiers: '/people' }),
    'in-house': sender({ reference: ['/shop', '/id'], identifiers: { '/email': 'email' } }),
  },
  limits: { customersPerRequest: 2, requestsPerHour: 50, holdSeconds: 900, answerBudgetMs: 5000 },
  operations: {
    alarmEmail: 'on-call@example.com',
    allowIps: ['192.0.2.0/24', '2001:db8::/32'],
    waf: true,
    domain: {
      name: 'erasure.example.com',
      certificateArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
      hostedZone: { id: 'Z0123456789ABC', name: 'example.com' },
    },
  },
};

function sender(places: { readonly reference: unknown; readonly identifiers: unknown }) {
  return {
    projects: ['main'],
    callbackOrigins: ['https://forms.example.com'],
    type: 'generic',
    scheme: 'header',
    header: 'x-secret',
    match: { '/kind': 'erase' },
    submittedAt: '/at',
    dueAt: '/due',
    callbackUrl: '/back',
    test: '/trial',
    whileOpen: 503,
    whenUnable: 422,
    ...places,
  };
}
