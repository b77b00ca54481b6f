import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as v from 'valibot';
import type { Checks } from '../support/checks.ts';
import { callJson } from '../support/cloudformation.ts';
import type { Harness } from '../support/harness.ts';

const rules = v.object({ Rules: v.array(v.looseObject({ ScheduleExpression: v.string(), State: v.string() })) });

/** Checks the template with a linter, and the stack that CloudFormation creates from it. */
export async function template({ assembly, account, moto }: Harness, checks: Checks): Promise<void> {
  const { status, error, stdout } = spawnSync('cfn-lint', [assembly.templateFile], { encoding: 'utf8' });
  if (error !== undefined) checks.note('skipped: cfn-lint is not on the PATH (pip install cfn-lint)');
  // Bit 2 is for errors, 4 for warnings (cfn-lint README, exit codes).
  else await checks.step('cfn-lint finds no error in the template', () => assert.equal(Number(status) & 2, 0, stdout));
  for (const warning of stdout?.match(/^W\d+ .*/gm) ?? []) checks.note(warning);
  await checks.step('CloudFormation creates the tables, roles and rule', () => {
    const { created } = account.deployment;
    assert.deepEqual([created.get('AWS::DynamoDB::Table'), created.get('AWS::Events::Rule')], [2, 1]);
    assert.ok(Number(created.get('AWS::IAM::Role')) >= 2);
  });
  await checks.step('the rule triggers every minute', async () => {
    const { Rules } = v.parse(rules, await callJson(moto, 'events', 'AWSEvents.ListRules', {}));
    assert.deepEqual(
      Rules.map(({ ScheduleExpression, State }) => [ScheduleExpression, State]),
      [['rate(1 minute)', 'ENABLED']],
    );
  });
  await checks.step('both functions run on the Node version of the template', () => {
    const node = `nodejs${process.versions.node.split('.')[0]}.x`;
    assert.deepEqual([assembly.webhook.properties.Runtime, assembly.sweeper.properties.Runtime], [node, node]);
  });
}
