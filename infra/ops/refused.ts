/** What the person typed cannot be done: one clear line that names the argument, exit code 2. */
export class OpsUsageError extends Error {}
