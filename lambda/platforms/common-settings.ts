import * as v from 'valibot';

/** What every platform's settings may hold. */
export const commonSettings = {
  /** Names of the projects its requests are routed to; all of them when absent. */
  projects: v.optional(v.pipe(v.array(v.string()), v.nonEmpty('must name at least one project'))),
  /** Exact origins (`https://host`) that callbacks may go to. */
  callbackOrigins: v.optional(
    v.array(v.pipe(v.string(), v.check(isOrigin, 'must be an origin such as https://host'))),
    [],
  ),
};

export const nonEmptyStrings = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  v.nonEmpty('must hold at least one entry'),
);

/** What an identity of the platform is in Voucherify. */
export const identityKinds = v.record(
  v.string(),
  v.picklist(['customer_id', 'source_id', 'email', 'phone'], 'must be customer_id, source_id, email or phone'),
);

function isOrigin(text: string): boolean {
  return URL.parse(text)?.origin === text;
}
