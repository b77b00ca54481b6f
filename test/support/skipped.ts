import { writeSync } from 'node:fs';

/** Says why tests are skipped, past the test runner, which shows what tests print only if they fail. */
export function printSkipped(reason: string): void {
  writeSync(2, `skipped: ${reason}\n`);
}
