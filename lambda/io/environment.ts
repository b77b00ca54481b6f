/** The environment variables of both functions. The stack must `satisfy` it, so a forgotten one does not compile. */
export interface Environment {
  /** The settings file, as JSON. */
  readonly SETTINGS_JSON: string;
  /** Design names of the secrets (`erasure/pepper` …) to their ARNs, as JSON. */
  readonly SECRET_ARNS: string;
  readonly RECEIPTS_TABLE: string;
  readonly IDENTIFIERS_TABLE: string;
}
