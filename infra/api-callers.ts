import { isIPv6 } from 'node:net';
import { EndpointType, IpAddressType, type RestApiProps } from 'aws-cdk-lib/aws-apigateway';
import { AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Settings } from '../lambda/io/settings.ts';

type Operations = Settings['operations'];

/** Who may call, and under which address. Whoever has a domain for it turns the address of AWS's own off. */
export function callerPolicy(operations: Operations) {
  const { allowIps, domain } = operations;
  return {
    endpointConfiguration: { types: [EndpointType.REGIONAL], ipAddressType: ipAddressType(operations) },
    disableExecuteApiEndpoint: domain !== undefined,
    ...(allowIps === undefined ? {} : { policy: onlyFrom(allowIps) }),
  } satisfies RestApiProps;
}

/**
 * IPv6 only where settings list ranges of it, which could not match otherwise. With it, callers that can do both may
 * come by either, and those whose IPv4 ranges alone are listed would be refused (API Gateway Developer Guide, "IP address
 * types for REST APIs").
 */
export function ipAddressType({ allowIps = [] }: Operations): IpAddressType {
  const some = allowIps.some(range => isIPv6(range.replace(/\/.*/, '')));
  return some ? IpAddressType.DUAL_STACK : IpAddressType.IPV4;
}

/** Addresses are only asked for where settings list them: few platforms publish theirs. */
function onlyFrom(ranges: readonly string[]): PolicyDocument {
  const statement = new PolicyStatement({
    sid: 'OnlyFromListedAddresses',
    principals: [new AnyPrincipal()],
    actions: ['execute-api:Invoke'],
    // Filled in with this API's own ARN (API Gateway Developer Guide, "Resource policy examples").
    resources: ['execute-api:/*'],
    conditions: { IpAddress: { 'aws:SourceIp': [...ranges] } },
  });
  return new PolicyDocument({ statements: [statement] });
}
