import type { Settings } from '../../lambda/io/settings.ts';

/** Settings with every project where the sandbox listens. */
export function withSandboxUrls(settings: Settings, baseUrl: string): Settings {
  const moved = Object.entries(settings.projects).map(([name, project]) => [name, { ...project, baseUrl }] as const);
  return { ...settings, projects: Object.fromEntries(moved) };
}
