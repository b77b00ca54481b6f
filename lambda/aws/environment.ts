import * as v from 'valibot';

/** The environment variables of the functions. The stack must `satisfy` it, so a forgotten one does not compile. */
export interface Environment {
  /** The settings file, as JSON. */
  readonly SETTINGS_JSON: string;
  /** Design names of the secrets (`erasure/pepper` …) to their ARNs, as JSON. */
  readonly SECRET_ARNS: string;
  readonly RECEIPTS_TABLE: string;
  readonly IDENTIFIERS_TABLE: string;
  /** Of this deployment's own metrics in CloudWatch. */
  readonly METRICS_NAMESPACE: string;
  /** ARN of the key that evidence is signed with; only the sweep has it. */
  readonly EVIDENCE_KEY?: string;
}

const filled = v.pipe(v.string(), v.nonEmpty());
const arns = v.pipe(v.string(), v.parseJson(), v.record(v.string(), filled));
const environment = v.object({
  SETTINGS_JSON: filled,
  SECRET_ARNS: arns,
  RECEIPTS_TABLE: filled,
  IDENTIFIERS_TABLE: filled,
  METRICS_NAMESPACE: filled,
  EVIDENCE_KEY: v.exactOptional(filled),
});

export type Variables = Readonly<Record<string, string | undefined>>;

/** Throws an error that names every variable that is missing or unreadable, and no value. */
export function parseEnvironment(variables: Variables) {
  const parsed = v.safeParse(environment, variables);
  if (parsed.success) return parsed.output;
  const names = new Set(parsed.issues.map(issue => v.getDotPath(issue)?.split('.')[0]));
  throw new Error(`environment: ${[...names].join(', ')} missing or unreadable`);
}
