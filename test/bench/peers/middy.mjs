import middy from '@middy/core';
import { bareHandler } from '../bare-handler.ts';
import { sdk } from '../bare-sdk.ts';

/** The bare handler in middy, with one middleware that answers errors. */
export const handler = middy()
  .use({
    onError: request => {
      request.response = { statusCode: 500, headers: {}, body: '' };
    },
  })
  .handler(bareHandler(sdk));
