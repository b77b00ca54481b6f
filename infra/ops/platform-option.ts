import { didYouMean, manualPlatform } from '../../lambda/domain/names.ts';
import { OpsUsageError } from './args.ts';
import type { OpsContext } from './context.ts';
import type { Output } from './terminal.ts';

/**
 * Checks the value of `--platform`, of which so many receipts were found. A platform that left the settings can still have
 * receipts, so only a remark says that it is not there. Throws {@link OpsUsageError} if it has none.
 */
export function checkPlatform(
  platform: string | undefined,
  found: number,
  { settings }: Pick<OpsContext, 'settings'>,
  output: Pick<Output, 'warn'>,
): void {
  const known = [...Object.keys(settings.platforms), manualPlatform];
  if (platform === undefined || known.includes(platform)) return;
  if (found > 0) output.warn('--platform: is not in the settings any more');
  else throw new OpsUsageError(`--platform: must be ${known.join(', ')}${didYouMean(platform, known)}`);
}
