import { VoucherifyServerSide } from '@voucherify/sdk';
import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import { bareErasure } from '../bare-handler.ts';
import { sdk } from '../bare-sdk.ts';

const erase = bareErasure(sdk, (applicationId, secretKey) => {
  const { customers } = VoucherifyServerSide({ applicationId, secretKey, apiUrl: 'https://api.voucherify.io' });
  return { find: sourceId => customers.get(sourceId), remove: id => customers.deletePermanently(id) };
});
const app = new Hono().post('/webhooks/:platform', async context => {
  const done = await erase(context.req.header('authorization'), await context.req.json());
  return done === undefined ? context.body(null, 403) : context.json(done);
});

/** As the route of Hono, with Voucherify's own client, which uses axios. */
export const handler = handle(app);
