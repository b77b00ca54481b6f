import { AccountRootPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';

/**
 * What the account may do with a key: administer it, and not use it. `more` names further actions of KMS. In a key policy
 * `*` is this key (KMS Developer Guide, "Key policies").
 */
export function administrationStatement(more: readonly string[]): PolicyStatement {
  const actions = [
    ...['CancelKeyDeletion', 'DescribeKey', 'DisableKey', 'EnableKey', 'GetKeyPolicy', 'ListGrants'],
    ...['ListKeyPolicies', 'ListResourceTags', 'PutKeyPolicy', 'RevokeGrant', 'ScheduleKeyDeletion'],
    ...['TagResource', 'UntagResource', 'UpdateKeyDescription'],
    ...more,
  ];
  return new PolicyStatement({
    sid: 'Administration',
    principals: [new AccountRootPrincipal()],
    actions: actions.toSorted().map(action => `kms:${action}`),
    resources: ['*'],
  });
}
