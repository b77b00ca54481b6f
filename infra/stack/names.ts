import { eventSecretName, pepperName, platformSecretName, projectSecretName } from '../../lambda/domain/names.ts';
import { eventProjects, type Settings } from '../../lambda/settings.ts';

/** Physical names of a deployment's resources. This file does not import the CDK, so that the operator's tool starts fast. */
export interface Names {
  /** `erasure`, or `erasure-<stage>`. */
  readonly prefix: string;
  readonly receipts: string;
  readonly identifiers: string;
  /** Alias of the key that signs evidence. */
  readonly evidenceKey: string;
}

/** Returns the names of the deployment with `-c stage=<stage>`, or without a stage. */
export function namesOf(stage?: string): Names {
  const prefix = stage === undefined ? 'erasure' : `erasure-${stage}`;
  return {
    prefix,
    receipts: `${prefix}-receipts`,
    identifiers: `${prefix}-identifiers`,
    evidenceKey: `alias/${prefix}-evidence`,
  };
}

/** Returns the stage of a deployment's prefix; `undefined` for the one without a stage. */
export function stageOf(prefix: string): string | undefined {
  return /^erasure-(.+)$/.exec(prefix)?.[1];
}

/** Returns the name of the topic that gets the alarms. */
export function alarmTopicName(prefix: string): string {
  return `${prefix}-alarms`;
}

/** Returns whether a value is a valid stage name. */
export function isStage(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z][a-z0-9-]{0,15}$/.test(text);
}

/** Returns the logical names of all secrets that the settings require. */
export function secretNames(settings: Pick<Settings, 'platforms' | 'projects' | 'reappearance'>): readonly string[] {
  const { platforms, projects } = settings;
  return [
    pepperName,
    ...Object.keys(platforms).map(platformSecretName),
    ...Object.keys(projects).map(projectSecretName),
    ...eventProjects(settings).map(eventSecretName),
  ];
}

/** Returns the physical name of a secret: the stack's prefix replaces `erasure`. */
export function deployedName(name: string, { prefix }: Names): string {
  return name.replace(/^erasure/, prefix);
}

/** The alias of both functions that the API and the schedule invoke. */
export const liveAlias = 'live';
