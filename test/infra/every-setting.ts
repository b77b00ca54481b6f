import { generateKeyPairSync } from 'node:crypto';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });

const hmac = {
  kind: 'hmac',
  header: 'X-Signature',
  value: 't={timestamp};v1={signature}',
  separator: ';',
  signs: '{method}{url}{header:X-Time}{header:X-Delivery}{body}',
  hash: 'sha512',
  encoding: 'hex',
  key: 'hex',
  timestamp: { from: 'header:X-Time', unit: 'ms', toleranceSeconds: 60 },
  secret: 'signature',
};

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
      residue: true,
    },
  },
  platforms: {
    ketch: {
      projects: ['main'],
      delaySeconds: 60,
      callbackOrigins: ['https://dsr.ketch.com'],
      header: 'X-Ketch-Secret',
      tenants: ['axonic'],
      environments: ['production'],
      identities: { account_id: 'source_id' },
    },
    transcend: {
      projects: ['main'],
      delaySeconds: 60,
      audience: 'acme',
      sombraUrl: 'https://sombra.example.com',
      header: 'x-secret',
      identities: { coreIdentifier: 'source_id' },
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
    },
    segment: { projects: ['main'], delaySeconds: 60, header: 'x-secret', userId: 'customer_id' },
    shopify: { projects: ['main'], delaySeconds: 60, shops: ['acme.myshopify.com'], customerId: 'source_id' },
    generic: sender({ reference: '/id', identifiers: [{ list: '/people', value: '/id', kind: 'email' }] }),
    'in-house': sender({
      authentication: [
        { kind: 'header', header: 'x-secret', secret: 'caller' },
        { kind: 'basic', secret: 'caller' },
        { kind: 'standard-webhooks' },
        {
          kind: 'jwt',
          header: 'X-Token',
          issuer: 'https://id.example.com',
          audience: 'erasure',
          jwks: 'https://id.example.com/keys',
          algorithms: ['RS256', 'ES256'],
        },
        hmac,
      ],
      each: '/orders',
      reference: ['/shop', 'header:X-Delivery', 'message:/id'],
      identifiers: {
        list: '/ids',
        type: '/type',
        value: '/value',
        only: { '/format': ['raw', null] },
        kinds: { mail: 'email' },
      },
      submittedAt: { at: '/at', unit: 'local', zone: 'Europe/Berlin' },
      callback: {
        when: 'always',
        method: 'PATCH',
        url: 'https://forms.example.com/items/{/item}',
        headers: { 'x-key': 'Bearer {secret:apiKey}', 'x-token': '{kept:header:X-Token}' },
        delivered: [409],
        refused: [400],
        bodies: { erased: { id: '{reference}' }, no_match: {}, not_identifiable: {}, refused: {} },
      },
    }),
    asked: asked({ query: 'cursor', at: '/next' }),
    'asked-by-page': asked({ query: 'page[offset]', from: 1, step: 50 }),
  },
  reappearance: { projects: ['main'], quietHours: 48 },
  limits: { customersPerRequest: 2, requestsPerHour: 50, delaySeconds: 900, answerBudgetMs: 5000 },
  operations: {
    alarmEmail: 'on-call@example.com',
    runbookUrl: 'https://git.example.com/erasure/v{version}/RUNBOOK.md',
    allowIps: ['192.0.2.0/24', '2001:db8::/32'],
    waf: true,
    domain: {
      name: 'erasure.example.com',
      certificateArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
      hostedZone: { id: 'Z0123456789ABC', name: 'example.com' },
    },
  },
};

function asked(next: object) {
  return {
    type: 'generic',
    callbackOrigins: ['https://forms.example.com'],
    pull: {
      everyMinutes: 60,
      method: 'POST',
      url: 'https://forms.example.com/orders?state=open',
      headers: { 'x-key': '{secret:apiKey}', authorization: 'Bearer {token}' },
      body: { state: 'open' },
      list: '/orders',
      next,
      maxPages: 5,
    },
    oauth: { url: 'https://forms.example.com/token', secret: 'client', scope: 'orders' },
    rules: [{ when: { '/kind': 'erase' }, do: 'erase' }],
    reference: '/id',
    identifiers: { '/email': 'email' },
    callback: { url: 'https://forms.example.com/orders/{/id}' },
  };
}

function sender(places: object) {
  const answers = { erased: answer(201), no_match: answer(202), not_identifiable: answer(422), refused: answer(409) };
  const outcomes = { ...answers, in_progress: answer(503), needs_review: answer(503), '*': answer(202) };
  return {
    projects: ['main'],
    delaySeconds: 60,
    callbackOrigins: ['https://forms.example.com'],
    type: 'generic',
    authentication: { kind: 'header', header: 'x-secret' },
    rules: [
      { when: { '/kind': ['erase', 1, true, null], '/version': 2 }, do: 'erase' },
      { when: { '/kind': 'cancel' }, do: 'withdraw' },
    ],
    otherwise: 'ignore',
    identifiers: { '/email': 'email' },
    submittedAt: '/at',
    dueAt: { at: '/due', unit: 's' },
    test: '/trial',
    answers: { ...outcomes, ignored: answer(204), test: answer(200) },
    statusAnswers: outcomes,
    withdrawAnswers: outcomes,
    callback: { urls: '/back', sign: 'standard-webhooks', when: 'always', method: 'PUT' },
    ...places,
  };
}

function answer(status: number) {
  return { status, headers: { 'X-Result': 'known' }, ...(status === 204 ? {} : { body: { id: '{reference}' } }) };
}
