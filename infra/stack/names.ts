import { pepperName, platformSecretName, projectSecretName } from '../../lambda/domain/names.ts';
import type { Settings } from '../../lambda/settings.ts';

/** What a deployment's parts are called in its account. Imports nothing of the CDK: the operator's tool starts quickly. */
export interface Names {
  /** `erasure`, or `erasure-<stage>`. */
  readonly prefix: string;
  readonly receipts: string;
  readonly identifiers: string;
  /** The alias of the key that evidence is signed with. */
  readonly evidenceKey: string;
}

/** Names of the deployment that was made with `-c stage=<stage>`, or without. */
export function namesOf(stage?: string): Names {
  const prefix = stage === undefined ? 'erasure' : `erasure-${stage}`;
  return {
    prefix,
    receipts: `${prefix}-receipts`,
    identifiers: `${prefix}-identifiers`,
    evidenceKey: `alias/${prefix}-evidence`,
  };
}

/** Whether a text can be a stage. */
export function isStage(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z][a-z0-9-]{0,15}$/.test(text);
}

/** Design names of every secret that settings ask for. */
export function secretNames({ platforms, projects }: Pick<Settings, 'platforms' | 'projects'>): readonly string[] {
  return [
    pepperName,
    ...Object.keys(platforms).map(platformSecretName),
    ...Object.keys(projects).map(projectSecretName),
  ];
}

/** The stack's prefix takes the place of the design's. */
export function deployedName(name: string, { prefix }: Names): string {
  return name.replace(/^erasure/, prefix);
}
