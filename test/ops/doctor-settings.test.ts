import { describe, expect, test } from 'vitest';
import { examined, expectFinding, ketch, patientWith, type Sick } from './patient.ts';

const phones = { ...ketch, identities: { mobile: 'phone' } };
const mapped = { type: 'generic', scheme: 'header', identifiers: { '/phone': 'phone' } };

describe('the doctor on settings', () => {
  test('says what matters of every platform, project and limit', async () => {
    const platforms = { ketch, form: { type: 'generic', scheme: 'standard-webhooks', projects: ['us'] } };
    const { lines } = await examined(await patientWith({ platforms, projects: { main: {}, us: { quotaShare: 0.2 } } }));
    expect(lines.join('\n')).toMatch(/project us: http:\S+, api-key; erasures use at most 20 % of its quota/);
    expect(lines.join('\n')).toContain(
      'identities account_id → source_id, email → email; projects main, us; callbacks to',
    );
    expect(lines.join('\n')).toContain('platform form: scheme standard-webhooks; projects us');
    expect(lines.join('\n')).toContain('limits: at most 5 customers a request');
  });

  test.each<[string, string, Sick]>([
    ['✗', 'no platform is turned on', { platforms: {} }],
    ['✗', 'platform ketch: its identities map nothing', { platforms: { ketch: phones } }],
    ['✗', 'platform ketch: its identities map nothing', { platforms: { ketch: { ...ketch, identities: {} } } }],
    ['✗', 'platform form: its identities map nothing', { platforms: { form: mapped } }],
    ['!', 'platform ketch: callbackOrigins is empty', { platforms: { ketch: { ...ketch, callbackOrigins: [] } } }],
    ['!', 'project main: quotaShare 1 leaves', { projects: { main: { quotaShare: 1 } } }],
    [
      '!',
      'project us: no platform is routed to it',
      { projects: { main: {}, us: {} }, platforms: { ketch: { ...ketch, projects: ['main'] } } },
    ],
  ])('%s %s', async (mark, says, sick) => {
    await expectFinding(await patientWith(sick), `${mark} settings`, says);
  });

  test('says how long an erasure is held', async () => {
    await expectFinding(await patientWith({ limits: { holdSeconds: 900 } }), '✓ settings', 'held 900 s');
  });
});
