import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import * as v from 'valibot';

/** The environment variables of the functions. The stack must satisfy this type, so a missing one does not compile. */
export interface Environment {
  /** The settings file, as JSON; if it is long, as {@link packSettings} returns it. */
  readonly SETTINGS_JSON: string;
  /** Maps secret names (`erasure/pepper` …) to ARNs, as JSON. */
  readonly SECRET_ARNS: string;
  readonly RECEIPTS_TABLE: string;
  readonly IDENTIFIERS_TABLE: string;
  /** The CloudWatch namespace of this deployment's metrics. */
  readonly METRICS_NAMESPACE: string;
  /** ARN of the key that signs evidence; only the sweeper has it. */
  readonly EVIDENCE_KEY?: string;
}

const filled = v.pipe(v.string(), v.nonEmpty());
const arns = v.pipe(v.string(), v.parseJson(), v.record(v.string(), filled));
const environment = v.object({
  SETTINGS_JSON: v.pipe(filled, v.transform(unpackSettings)),
  SECRET_ARNS: arns,
  RECEIPTS_TABLE: filled,
  IDENTIFIERS_TABLE: filled,
  METRICS_NAMESPACE: filled,
  EVIDENCE_KEY: v.exactOptional(filled),
});

const packed = 'brotli:';
/** Shorter settings stay readable in the console. */
const readableLength = 1500;
const maxSettingsBytes = 1_048_576;

/** Returns settings for a variable. Long ones are compressed, because all variables together have at most 4 KB. */
export function packSettings(json: string): string {
  return json.length <= readableLength ? json : `${packed}${brotliCompressSync(json).toString('base64')}`;
}

/** Returns the JSON of {@link packSettings}. Returns a text that is not JSON if it cannot be read. */
function unpackSettings(text: string): string {
  if (!text.startsWith(packed)) return text;
  try {
    const bytes = Buffer.from(text.slice(packed.length), 'base64');
    return brotliDecompressSync(bytes, { maxOutputLength: maxSettingsBytes }).toString('utf8');
  } catch {
    return text;
  }
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** Parses the variables. Throws an error that names every missing or unreadable variable, and no value. */
export function parseEnvironment(variables: Variables) {
  const parsed = v.safeParse(environment, variables);
  if (parsed.success) return parsed.output;
  const names = new Set(parsed.issues.map(issue => v.getDotPath(issue)?.split('.')[0]));
  throw new Error(`environment: ${[...names].join(', ')} missing or unreadable`);
}
