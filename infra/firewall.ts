import { Stack } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { type IMetric, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { retryAfterSeconds } from '../lambda/failure.ts';
import { maxBodyBytes } from '../lambda/io/gateway.ts';
import { callsPerSecond } from './api.ts';
import { gatewayMessages } from './api-answers.ts';

/**
 * A web ACL before the stage, and how many calls each of its rules turned away.
 *
 * No rule group of AWS's is in it. The common ones block a call without a `User-Agent`, a body over 8 KB and a body that
 * reads like an attack (WAF Developer Guide, "Baseline rule groups"). Here a body holds whatever a person is called, a
 * call that is turned away may be a person who is not erased, and the function takes nothing from a body before its
 * sender is proved. Nor is there a list of bad addresses, which platforms share with others in a cloud: `allowIps` names
 * the good ones.
 */
export function webAcl(api: RestApi, prefix: string): readonly IMetric[] {
  const acl = new CfnWebACL(api, 'Firewall', {
    name: prefix,
    description: 'Erasure requests from privacy platforms.',
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    rules: [rate(`${prefix}-rate`), body(`${prefix}-body`)],
    customResponseBodies: {
      [answers.rate]: json(gatewayMessages.tooMany),
      [answers.body]: json(gatewayMessages.tooLarge),
    },
    associationConfig: { requestBody: { API_GATEWAY: { defaultSizeInspectionLimit: `KB_${maxBodyBytes / 1024}` } } },
    visibilityConfig: counted(prefix),
  });
  new CfnWebACLAssociation(api, 'FirewallOfStage', {
    resourceArn: api.deploymentStage.stageArn,
    webAclArn: acl.attrArn,
  });
  return [`${prefix}-rate`, `${prefix}-body`].map(rule => turnedAway(acl, prefix, rule));
}

/**
 * Half of what the stage takes, so that no address alone uses up the room of all others. A platform that is that busy
 * hears what the stage would tell it: to come again. Counted over the shortest time there is (WAF Developer Guide,
 * "Rate-based rule high-level settings"), after which it may.
 */
function rate(name: string): CfnWebACL.RuleProperty {
  const evaluationWindowSec = 60;
  const limit = (callsPerSecond * evaluationWindowSec) / 2;
  const responseHeaders = [{ name: 'Retry-After', value: `${retryAfterSeconds}` }];
  return {
    name,
    priority: 0,
    statement: { rateBasedStatement: { aggregateKeyType: 'IP', evaluationWindowSec, limit } },
    action: block({ responseCode: 429, customResponseBodyKey: answers.rate, responseHeaders }),
    visibilityConfig: counted(name),
  };
}

/**
 * The function's own cap, told before a function runs. WAF looks at 16 KB unless told otherwise and at 64 KB at most,
 * which is the cap; by default what is larger passes, here it matches (WAF Developer Guide, "Managing body inspection
 * size limits" and "Oversize web request components").
 */
function body(name: string): CfnWebACL.RuleProperty {
  return {
    name,
    priority: 1,
    statement: {
      sizeConstraintStatement: {
        fieldToMatch: { body: { oversizeHandling: 'MATCH' } },
        comparisonOperator: 'GT',
        size: maxBodyBytes,
        textTransformations: [{ priority: 0, type: 'NONE' }],
      },
    },
    action: block({ responseCode: 413, customResponseBodyKey: answers.body }),
    visibilityConfig: counted(name),
  };
}

const answers = { rate: 'too-many', body: 'too-large' } as const;

function json(message: string): CfnWebACL.CustomResponseBodyProperty {
  return { contentType: 'APPLICATION_JSON', content: JSON.stringify({ message }) };
}

/** It goes before the gateway's own answers (WAF Developer Guide, "Custom responses for Block actions"). */
function block(customResponse: CfnWebACL.CustomResponseProperty): CfnWebACL.RuleActionProperty {
  return { block: { customResponse } };
}

/**
 * Numbers and nothing else: a sampled request is shown with its headers and its address (WAF Developer Guide, "Viewing a
 * sample of web requests"), and there is no log.
 */
function counted(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: false };
}

function turnedAway(acl: CfnWebACL, webAcl: string, rule: string): IMetric {
  return new Metric({
    namespace: 'AWS/WAFV2',
    metricName: 'BlockedRequests',
    dimensionsMap: { WebACL: webAcl, Rule: rule, Region: Stack.of(acl).region },
    statistic: Stats.SUM,
    label: rule,
  });
}
