import { Stack } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { type IMetric, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { retryAfterSeconds } from '../../lambda/domain/failure.ts';
import { callsPerSecond, gatewayMessages } from './api.ts';

/**
 * Creates a web ACL for the stage. Returns the metrics of the requests that each of its rules blocked.
 *
 * It uses no AWS managed rule group. The common ones block requests without a `User-Agent`, with a body over 8 KB, or with
 * a body that looks like an attack (WAF Developer Guide, "Baseline rule groups"). Here a body can contain any name, a
 * blocked request can mean a person who is not erased, and the function authenticates the sender before it uses the body.
 * It uses no IP reputation list either, because platforms share cloud addresses with others; `allowIps` lists the allowed
 * ones. It has no rule for the size of a body: WAF inspects at most 64 KB, and the function accepts 1 MiB (WAF Developer
 * Guide, "Managing body inspection size limits").
 */
export function createWebAcl(api: RestApi, prefix: string): readonly IMetric[] {
  const acl = new CfnWebACL(api, 'Firewall', {
    name: prefix,
    description: 'Erasure requests from privacy platforms.',
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    rules: [rateRule(`${prefix}-rate`)],
    customResponseBodies: { [tooMany]: jsonReply(gatewayMessages.tooMany) },
    visibilityConfig: metricsOnly(prefix),
  });
  new CfnWebACLAssociation(api, 'FirewallOfStage', {
    resourceArn: api.deploymentStage.stageArn,
    webAclArn: acl.attrArn,
  });
  return [blockedRequestsMetric(acl, prefix, `${prefix}-rate`)];
}

/**
 * Limits one address to half of the stage's rate, so that it cannot use the capacity of all others. A blocked platform
 * gets the same 429 as from the stage and retries. The window is the shortest possible one (WAF Developer Guide,
 * "Rate-based rule high-level settings").
 */
function rateRule(name: string): CfnWebACL.RuleProperty {
  const evaluationWindowSec = 60;
  const limit = (callsPerSecond * evaluationWindowSec) / 2;
  const responseHeaders = [{ name: 'Retry-After', value: `${retryAfterSeconds}` }];
  return {
    name,
    priority: 0,
    statement: { rateBasedStatement: { aggregateKeyType: 'IP', evaluationWindowSec, limit } },
    action: block({ responseCode: 429, customResponseBodyKey: tooMany, responseHeaders }),
    visibilityConfig: metricsOnly(name),
  };
}

/** The key of the response body. */
const tooMany = 'too-many';

function jsonReply(message: string): CfnWebACL.CustomResponseBodyProperty {
  return { contentType: 'APPLICATION_JSON', content: JSON.stringify({ message }) };
}

/**
 * A custom response takes precedence over API Gateway's responses (WAF Developer Guide, "Custom responses for Block
 * actions").
 */
function block(customResponse: CfnWebACL.CustomResponseProperty): CfnWebACL.RuleActionProperty {
  return { block: { customResponse } };
}

/**
 * Metrics only: sampled requests would show headers and IP addresses (WAF Developer Guide, "Viewing a sample of web
 * requests"). There is no log either.
 */
function metricsOnly(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: false };
}

function blockedRequestsMetric(acl: CfnWebACL, webAcl: string, rule: string): IMetric {
  return new Metric({
    namespace: 'AWS/WAFV2',
    metricName: 'BlockedRequests',
    dimensionsMap: { WebACL: webAcl, Rule: rule, Region: Stack.of(acl).region },
    statistic: Stats.SUM,
    label: rule,
  });
}
