import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import { bareErasure } from '../bare-handler.ts';
import { sdk } from '../bare-sdk.ts';

const options = { serviceName: 'erasure' };
const logger = new Logger(options);
const metrics = new Metrics({ ...options, namespace: 'erasure' });
const tracer = new Tracer(options);
const erase = bareErasure({ ...sdk, secret: id => getSecret(id) });

/** The bare erasure with the Powertools for AWS Lambda (secrets, log, metrics, traces) as middleware of middy. */
export const handler = middy()
  .use(captureLambdaHandler(tracer))
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(async ({ headers, body }) => {
    const done = await erase(headers.Authorization, JSON.parse(Buffer.from(body, 'base64').toString()));
    metrics.addMetric('erased', 'Count', 1);
    logger.info('erased', { found: done !== undefined });
    return { statusCode: done === undefined ? 403 : 200, headers: {}, body: JSON.stringify(done ?? {}) };
  });
