import { loopbackOrigin } from '../../lambda/domain/http.ts';
import type { Settings } from '../../lambda/settings.ts';
import { sharedClusters } from '../../lambda/voucherify/project-settings.ts';

/** Returns warnings about settings that are valid, but probably not what was meant. */
export function settingsWarnings({ platforms, projects }: Pick<Settings, 'platforms' | 'projects'>): readonly string[] {
  const known = Object.values(sharedClusters);
  const unknown = Object.entries(projects).filter(
    ([, { baseUrl }]) => !known.includes(baseUrl) && !loopbackOrigin.test(baseUrl),
  );
  return [
    ...(Object.keys(platforms).length === 0 ? ['no platform is configured, so every request is refused'] : []),
    ...unknown.map(
      ([name]) =>
        `project ${name}: its baseUrl is of no shared cluster (${known.join(', ')}), which is right only for a dedicated one`,
    ),
  ];
}
