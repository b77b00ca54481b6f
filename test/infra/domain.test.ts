import { describe, expect, test } from 'vitest';
import { settingsWith, synthesised } from './synthesised.ts';

const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012';
const domain = { name: 'erasure.example.com', certificateArn };
const hostedZone = { id: 'Z0123456789ABC', name: 'example.com' };

const inStack = (operations: Readonly<Record<string, unknown>>) =>
  synthesised({ settings: settingsWith({ operations }) });

describe('stack without an own domain', () => {
  const { template } = synthesised();

  test('address: is that of AWS', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { DisableExecuteApiEndpoint: false });
    for (const type of ['ApiGateway::DomainName', 'ApiGateway::BasePathMapping', 'Route53::RecordSet']) {
      template.resourceCountIs(`AWS::${type}`, 0);
    }
    expect(Object.keys(template.toJSON()['Outputs'])).not.toContain('PointDomainTo');
  });
});

describe('own domain', () => {
  const { of, readable, template } = inStack({ domain });

  test('TLS: 1.2 or newer, with the named certificate', () => {
    const [{ EndpointConfiguration, ...named }] = of('AWS::ApiGateway::DomainName');
    expect(named).toEqual({
      DomainName: 'erasure.example.com',
      RegionalCertificateArn: certificateArn,
      SecurityPolicy: 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09',
      EndpointAccessMode: 'STRICT',
    });
    expect(EndpointConfiguration).toEqual({ Types: ['REGIONAL'], IpAddressType: 'ipv4' });
  });

  test('mapping: leads to the stage without a path', () => {
    const [mapping, ...others] = of('AWS::ApiGateway::BasePathMapping');
    expect(others).toEqual([]);
    expect(mapping).not.toHaveProperty('BasePath');
    expect(readable(mapping)).toMatchObject({
      RestApiId: 'erasure',
      Stage: expect.stringMatching(/^ApiDeploymentStagev1/),
    });
  });

  test('address: is the only one', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { DisableExecuteApiEndpoint: true });
  });

  test('deployment: is a new one, without which the old address stays', () => {
    const deployments = (of: typeof template) => Object.keys(of.findResources('AWS::ApiGateway::Deployment'));
    expect(deployments(template)).not.toEqual(deployments(synthesised().template));
  });

  test('outputs: name the URL and the DNS target', () => {
    const { WebhookUrl, PointDomainTo } = template.toJSON()['Outputs'];
    expect(WebhookUrl.Value).toBe('https://erasure.example.com/webhooks/');
    expect(PointDomainTo.Value['Fn::GetAtt'][1]).toBe('RegionalDomainName');
    template.resourceCountIs('AWS::Route53::RecordSet', 0);
  });
});

describe('own domain with its hosted zone', () => {
  test.each([
    { name: 'erasure.example.com', zone: 'example.com' },
    { name: 'erasure.example.com', zone: 'erasure.example.com' },
  ])('$zone: the stack creates the record', ({ name, zone }) => {
    const { of, template } = inStack({ domain: { ...domain, name, hostedZone: { ...hostedZone, name: zone } } });
    expect(of('AWS::Route53::RecordSet')).toEqual([
      {
        Name: 'erasure.example.com.',
        Type: 'A',
        HostedZoneId: 'Z0123456789ABC',
        AliasTarget: {
          DNSName: { 'Fn::GetAtt': [expect.any(String), 'RegionalDomainName'] },
          HostedZoneId: { 'Fn::GetAtt': [expect.any(String), 'RegionalHostedZoneId'] },
        },
      },
    ]);
    expect(Object.keys(template.toJSON()['Outputs'])).not.toContain('PointDomainTo');
  });

  test('IPv6 ranges: the domain is dualstack', () => {
    const { of } = inStack({ domain: { ...domain, hostedZone }, allowIps: ['192.0.2.0/24', '2001:db8::/32'] });
    const [{ EndpointConfiguration }] = of('AWS::ApiGateway::DomainName');
    expect(EndpointConfiguration).toEqual({ Types: ['REGIONAL'], IpAddressType: 'dualstack' });
    expect(of('AWS::Route53::RecordSet').map(({ Type }) => Type)).toEqual(['A', 'AAAA']);
  });
});

test('own domain: needs no account and no look-up', () => {
  const { app } = inStack({ domain: { ...domain, hostedZone }, waf: true });
  expect(app.synth().manifest.missing).toBeUndefined();
});
