import { describe, expect, test } from 'vitest';
import schema from '../../infra/settings.schema.json' with { type: 'json' };
import type { ProjectSettings, Settings } from '../../lambda/io/settings.ts';
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { platformsSchema } from '../../lambda/platforms/index.ts';
import { ketchSettings } from '../../lambda/platforms/ketch/request.ts';
import { segmentSettings } from '../../lambda/platforms/segment.ts';
import { shopifySettings } from '../../lambda/platforms/shopify.ts';
import { transcendSettings } from '../../lambda/platforms/transcend/request.ts';

type Domain = NonNullable<Settings['operations']['domain']>;
/** The compiler refuses a list that has one key too many or too few. */
type KeysOf<T> = Readonly<Record<keyof T, true>>;

const parts = {
  projects: { baseUrl: true, auth: true, quotaShare: true, callsPerMinute: true, quotaPeriod: true },
  limits: { customersPerRequest: true, requestsPerHour: true, holdSeconds: true, answerBudgetMs: true },
  operations: { alarmEmail: true, allowIps: true, waf: true, domain: true },
} as const satisfies {
  projects: KeysOf<ProjectSettings>;
  limits: KeysOf<Settings['limits']>;
  operations: KeysOf<Settings['operations']>;
};
const whole: KeysOf<Settings> = { $schema: true, projects: true, platforms: true, limits: true, operations: true };
const domain: KeysOf<Domain> = { name: true, certificateArn: true, hostedZone: true };
const hostedZone: KeysOf<NonNullable<Domain['hostedZone']>> = { id: true, name: true };

const { definitions } = schema;

describe('the schema that editors read knows every setting and no other', () => {
  test.each([
    { what: 'the whole', has: schema.properties, wanted: whole },
    { what: 'a project', has: definitions.project.properties, wanted: parts.projects },
    { what: 'the limits', has: definitions.limits.properties, wanted: parts.limits },
    { what: 'operations', has: definitions.operations.properties, wanted: parts.operations },
    { what: 'the domain', has: definitions.domain.properties, wanted: domain },
    { what: 'its zone', has: definitions.domain.properties.hostedZone.properties, wanted: hostedZone },
    { what: 'the platforms', has: schema.properties.platforms.properties, wanted: platformsSchema.entries },
    { what: 'ketch', has: definitions.ketch.properties, wanted: ketchSettings.entries },
    { what: 'generic', has: definitions.generic.properties, wanted: genericSettings.entries },
    { what: 'transcend', has: definitions.transcend.properties, wanted: transcendSettings.entries },
    { what: 'segment', has: definitions.segment.properties, wanted: segmentSettings.entries },
    { what: 'shopify', has: definitions.shopify.properties, wanted: shopifySettings.entries },
  ])('of $what', ({ has, wanted }) => {
    expect(Object.keys(has).sort()).toEqual(Object.keys(wanted).sort());
  });
});
