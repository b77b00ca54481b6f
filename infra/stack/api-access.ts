import { isIPv6 } from 'node:net';
import {
  CfnDomainName,
  CfnRestApi,
  type DomainName,
  EndpointAccessMode,
  EndpointType,
  IpAddressType,
  type RestApi,
  type RestApiProps,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets';
import type { Settings } from '../../lambda/settings.ts';

type Operations = Settings['operations'];

/** Returns who may call the API and through which endpoint. A custom domain disables the default endpoint. */
export function accessProps(operations: Operations) {
  const { allowIps, domain } = operations;
  return {
    endpointConfiguration: { types: [EndpointType.REGIONAL], ipAddressType: ipAddressType(operations) },
    disableExecuteApiEndpoint: domain !== undefined,
    ...(allowIps === undefined ? {} : { policy: allowOnly(allowIps) }),
  } satisfies RestApiProps;
}

/**
 * Returns dual stack only if the settings list IPv6 ranges, which could not match otherwise. With dual stack, a caller
 * may use either protocol, and a caller with only its IPv4 ranges listed could be refused (API Gateway Developer Guide, "IP
 * address types for REST APIs").
 */
function ipAddressType({ allowIps = [] }: Operations): IpAddressType {
  const hasIPv6 = allowIps.some(range => isIPv6(range.replace(/\/.*/, '')));
  return hasIPv6 ? IpAddressType.DUAL_STACK : IpAddressType.IPV4;
}

/** Allows only the listed address ranges. Optional, because few platforms publish theirs. */
function allowOnly(ranges: readonly string[]): PolicyDocument {
  const statement = new PolicyStatement({
    sid: 'OnlyFromListedAddresses',
    principals: [new AnyPrincipal()],
    actions: ['execute-api:Invoke'],
    // API Gateway expands this to the ARN of this API (API Gateway Developer Guide, "Resource policy examples").
    resources: ['execute-api:/*'],
    conditions: { IpAddress: { 'aws:SourceIp': [...ranges] } },
  });
  return new PolicyDocument({ statements: [statement] });
}

/**
 * At least TLS 1.2, with forward secrecy; the default endpoint of a regional API accepts TLS 1.0 (API Gateway Developer
 * Guide, "Supported security policies"). With a custom domain the API's policy still applies, and AWS recommends the same
 * one for both ("How to change a security policy").
 */
const tls12 = {
  securityPolicy: SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09,
  endpointAccessMode: EndpointAccessMode.STRICT,
} as const;

/** Sets the security policy on the CloudFormation resource: `RestApi` has no property for it yet. */
export function requireTls12(api: RestApi): void {
  const { defaultChild } = api.node;
  if (!(defaultChild instanceof CfnRestApi)) throw new Error('the RestApi has no CfnRestApi child');
  defaultChild.securityPolicy = tls12.securityPolicy;
  defaultChild.endpointAccessMode = tls12.endpointAccessMode;
}

export interface CustomDomain {
  readonly webhookUrl: string;
  /** The target of the CNAME record, if the stack does not create the record itself. */
  readonly pointTo: string | undefined;
}

/**
 * Creates the custom domain of the API, if the settings name one. The stack looks nothing up: certificate and zone must
 * exist at deployment.
 */
export function createDomain(api: RestApi, operations: Settings['operations']): CustomDomain | undefined {
  const { domain: settings } = operations;
  if (settings === undefined) return undefined;
  const domain = api.addDomainName('Domain', {
    domainName: settings.name,
    certificate: Certificate.fromCertificateArn(api, 'Certificate', settings.certificateArn),
    endpointType: EndpointType.REGIONAL,
    ...tls12,
  });
  const addressType = ipAddressType(operations);
  setAddressType(domain, addressType);
  if (settings.hostedZone !== undefined) addRecords(domain, settings.name, settings.hostedZone, addressType);
  return {
    webhookUrl: `https://${settings.name}/webhooks/`,
    pointTo: settings.hostedZone === undefined ? domain.domainNameAliasDomainName : undefined,
  };
}

/** A domain is IPv4 only by default, also for a dual-stack API; `DomainName` has no property for it yet. */
function setAddressType(domain: DomainName, ipAddressType: IpAddressType): void {
  const { defaultChild } = domain.node;
  if (!(defaultChild instanceof CfnDomainName)) throw new Error('the DomainName has no CfnDomainName child');
  defaultChild.endpointConfiguration = { types: [EndpointType.REGIONAL], ipAddressType };
}

interface Zone {
  readonly id: string;
  readonly name: string;
}

function addRecords(domain: DomainName, recordName: string, { id, name }: Zone, addressType: IpAddressType): void {
  const zone = HostedZone.fromHostedZoneAttributes(domain, 'Zone', { hostedZoneId: id, zoneName: name });
  const record = { zone, recordName, target: RecordTarget.fromAlias(new ApiGatewayDomain(domain)) };
  new ARecord(domain, 'Record', record);
  if (addressType === IpAddressType.DUAL_STACK) new AaaaRecord(domain, 'RecordV6', record);
}
