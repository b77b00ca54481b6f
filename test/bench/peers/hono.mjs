import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import { bareErasure } from '../bare-handler.ts';
import { sdk } from '../bare-sdk.ts';

const erase = bareErasure(sdk);
const app = new Hono().post('/webhooks/:platform', async context => {
  const done = await erase(context.req.header('authorization'), await context.req.json());
  return done === undefined ? context.body(null, 403) : context.json(done);
});

/** The bare erasure as a route of Hono. */
export const handler = handle(app);
