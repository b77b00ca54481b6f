import { CfnDomainName, type DomainName, EndpointType, IpAddressType, type RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets';
import type { Settings } from '../lambda/io/settings.ts';
import { ipAddressType } from './api-callers.ts';
import { tls12 } from './api-tls.ts';

/** An address of one's own for the whole API. Nothing is looked up: what is named must be there when it is deployed. */
export interface CustomDomain {
  readonly webhookUrl: string;
  /** What a CNAME must point to, where the stack makes no record itself. */
  readonly pointTo: string | undefined;
}

export function customDomain(api: RestApi, operations: Settings['operations']): CustomDomain | undefined {
  const { domain: wanted } = operations;
  if (wanted === undefined) return undefined;
  const domain = api.addDomainName('Domain', {
    domainName: wanted.name,
    certificate: Certificate.fromCertificateArn(api, 'Certificate', wanted.certificateArn),
    endpointType: EndpointType.REGIONAL,
    ...tls12,
  });
  const reached = ipAddressType(operations);
  reachableOver(domain, reached);
  if (wanted.hostedZone !== undefined) addRecords(domain, wanted.name, wanted.hostedZone, reached);
  return {
    webhookUrl: `https://${wanted.name}/webhooks/`,
    pointTo: wanted.hostedZone === undefined ? domain.domainNameAliasDomainName : undefined,
  };
}

/** A domain takes IPv4 alone unless told otherwise, whatever its API takes; `DomainName` cannot be told of it yet. */
function reachableOver(domain: DomainName, reached: IpAddressType): void {
  const { defaultChild } = domain.node;
  if (!(defaultChild instanceof CfnDomainName)) throw new Error('a DomainName without its resource');
  defaultChild.endpointConfiguration = { types: [EndpointType.REGIONAL], ipAddressType: reached };
}

interface Zone {
  readonly id: string;
  readonly name: string;
}

function addRecords(domain: DomainName, recordName: string, { id, name }: Zone, reached: IpAddressType): void {
  const zone = HostedZone.fromHostedZoneAttributes(domain, 'Zone', { hostedZoneId: id, zoneName: name });
  const record = { zone, recordName, target: RecordTarget.fromAlias(new ApiGatewayDomain(domain)) };
  new ARecord(domain, 'Record', record);
  if (reached === IpAddressType.DUAL_STACK) new AaaaRecord(domain, 'RecordV6', record);
}
