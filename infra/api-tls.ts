import { CfnRestApi, EndpointAccessMode, type RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';

/**
 * TLS 1.2 at least, with forward secrecy; the default address of a regional API would take TLS 1.0 (API Gateway
 * Developer Guide, "Supported security policies"). `RestApi` cannot set it yet.
 */
export function requireTls12(api: RestApi): void {
  const { defaultChild } = api.node;
  if (!(defaultChild instanceof CfnRestApi)) throw new Error('a RestApi without its resource');
  defaultChild.securityPolicy = SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09;
  defaultChild.endpointAccessMode = EndpointAccessMode.STRICT;
}
