import { describe, expect, test } from 'vitest';
import { settingsWith, synthesised } from './synthesised.ts';

const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012';
const domain = { name: 'erasure.example.com', certificateArn };
const hostedZone = { id: 'Z0123456789ABC', name: 'example.com' };

const inStack = (operations: Readonly<Record<string, unknown>>) =>
  synthesised({ settings: settingsWith({ operations }) });

describe('without a domain of one’s own', () => {
  const { template } = synthesised();

  test('the address is AWS’s, and nothing is made for another', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { DisableExecuteApiEndpoint: false });
    for (const type of ['ApiGateway::DomainName', 'ApiGateway::BasePathMapping', 'Route53::RecordSet']) {
      template.resourceCountIs(`AWS::${type}`, 0);
    }
    expect(Object.keys(template.toJSON()['Outputs'])).not.toContain('PointDomainTo');
  });
});

describe('a domain of one’s own', () => {
  const { of, readable, template } = inStack({ domain });

  test('takes TLS 1.2 at least, as the API does, with a certificate that is named and not looked up', () => {
    const [{ EndpointConfiguration, ...named }] = of('AWS::ApiGateway::DomainName');
    expect(named).toEqual({
      DomainName: 'erasure.example.com',
      RegionalCertificateArn: certificateArn,
      SecurityPolicy: 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09',
      EndpointAccessMode: 'STRICT',
    });
    expect(EndpointConfiguration).toEqual({ Types: ['REGIONAL'], IpAddressType: 'ipv4' });
  });

  test('leads to the stage, without a path before the routes', () => {
    const [mapping, ...others] = of('AWS::ApiGateway::BasePathMapping');
    expect(others).toEqual([]);
    expect(mapping).not.toHaveProperty('BasePath');
    expect(readable(mapping)).toMatchObject({
      RestApiId: 'erasure',
      Stage: expect.stringMatching(/^ApiDeploymentStagev1/),
    });
  });

  test('is the only address: a policy for it would be worth nothing while there is another', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { DisableExecuteApiEndpoint: true });
  });

  test('comes with a deployment of its own, without which the other address stays', () => {
    const deployments = (of: typeof template) => Object.keys(of.findResources('AWS::ApiGateway::Deployment'));
    expect(deployments(template)).not.toEqual(deployments(synthesised().template));
  });

  test('is what the outputs say, and where to point it', () => {
    const { WebhookUrl, PointDomainTo } = template.toJSON()['Outputs'];
    expect(WebhookUrl.Value).toBe('https://erasure.example.com/webhooks/');
    expect(PointDomainTo.Value['Fn::GetAtt'][1]).toBe('RegionalDomainName');
    template.resourceCountIs('AWS::Route53::RecordSet', 0);
  });
});

describe('with the zone that the domain lies in', () => {
  test.each([
    { name: 'erasure.example.com', zone: 'example.com' },
    { name: 'erasure.example.com', zone: 'erasure.example.com' },
  ])('$zone, the stack makes the record', ({ name, zone }) => {
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

  test('and ranges of IPv6, it is reachable over that too', () => {
    const { of } = inStack({ domain: { ...domain, hostedZone }, allowIps: ['192.0.2.0/24', '2001:db8::/32'] });
    const [{ EndpointConfiguration }] = of('AWS::ApiGateway::DomainName');
    expect(EndpointConfiguration).toEqual({ Types: ['REGIONAL'], IpAddressType: 'dualstack' });
    expect(of('AWS::Route53::RecordSet').map(({ Type }) => Type)).toEqual(['A', 'AAAA']);
  });
});

test('nothing about it needs an account or a look-up', () => {
  const { app } = inStack({ domain: { ...domain, hostedZone }, waf: true });
  expect(app.synth().manifest.missing).toBeUndefined();
});
