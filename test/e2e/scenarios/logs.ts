import assert from 'node:assert/strict';
import type { Checks } from '../support/checks.ts';
import type { World } from '../support/world.ts';

/** What must be in no line that an instance wrote. */
const personal = /crm-|cust_|Erika|@example\.com|Bearer|token-|shared-secret/;

/** What all instances wrote. */
export async function logs({ logs: lines }: World, checks: Checks): Promise<void> {
  await checks.step(`${lines.length} log lines: each JSON, none with personal data or a secret`, () => {
    assert.ok(lines.length > 0);
    for (const line of lines) {
      assert.doesNotThrow(() => JSON.parse(line), line);
      assert.ok(!personal.test(line), line);
    }
  });
}
