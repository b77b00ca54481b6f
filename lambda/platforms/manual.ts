import { Failure } from '../domain/failure.ts';
import { acknowledgingPlatform, type Platform } from './platform.ts';

const noRoute = new Failure('not-found', 'path: no such platform');

/**
 * The platform of the requests that operators make by hand. They invoke the function itself (request/receive-manual.ts), so
 * it has no route, no secret and no settings, and no platform is informed of an outcome that the sweep reaches.
 */
export const manual: Platform = {
  ...acknowledgingPlatform({
    projects: undefined,
    checkSecret: () => undefined,
    verify: () => Promise.reject(noRoute),
    parse: () => {
      throw noRoute;
    },
  }),
  isPullOnly: true,
};
