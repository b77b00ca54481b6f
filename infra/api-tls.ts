import { CfnRestApi, EndpointAccessMode, type RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';

/**
 * TLS 1.2 at least, with forward secrecy; the default address of a regional API would take TLS 1.0 (API Gateway
 * Developer Guide, "Supported security policies"). Under a domain of one's own the API's policy still decides, and AWS
 * advises the same one for both ("How to change a security policy").
 */
export const tls12 = {
  securityPolicy: SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09,
  endpointAccessMode: EndpointAccessMode.STRICT,
} as const;

/** `RestApi` cannot be told of it yet. */
export function requireTls12(api: RestApi): void {
  const { defaultChild } = api.node;
  if (!(defaultChild instanceof CfnRestApi)) throw new Error('a RestApi without its resource');
  defaultChild.securityPolicy = tls12.securityPolicy;
  defaultChild.endpointAccessMode = tls12.endpointAccessMode;
}
