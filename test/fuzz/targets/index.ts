import type { Target } from '../support/target.ts';
import { aws } from './aws.ts';
import { bytes } from './bytes.ts';
import { events } from './events.ts';
import { later } from './later.ts';
import { manual } from './manual.ts';
import { secrets } from './secrets.ts';
import { settings } from './settings.ts';
import { voucherify } from './voucherify.ts';

/** Everything that `npm run fuzz` attacks, by the name of `--only`. */
export const targets = { events, manual, bytes, settings, secrets, voucherify, aws, later } as Readonly<
  Record<string, Target<unknown>>
>;
