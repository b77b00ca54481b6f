import { DefaultStackSynthesizer, Fn, Stack } from 'aws-cdk-lib';
import { ArnPrincipal, type IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/**
 * The role that CloudFormation runs as when it deploys this construct: the one that `cdk bootstrap` made, under whatever
 * name the stack's synthesizer knows. A nested stack is deployed by the role of the outermost one. Throws where the
 * synthesizer has no such role, since then CDK cannot know who deploys.
 */
export function deployerOf(scope: Construct): IPrincipal {
  const { synthesizer } = outermost(Stack.of(scope));
  const role = synthesizer instanceof DefaultStackSynthesizer ? synthesizer.cloudFormationExecutionRole : undefined;
  if (role === undefined) {
    throw new Error(
      'The synthesizer of this stack names no role that CloudFormation runs as. Set `deployer` to the principal that ' +
        'deploys the stack: it needs the key of the identifiers table.',
    );
  }
  // A synthesizer leaves placeholders such as `${AWS::AccountId}` as they are, for the cloud assembly. A template needs
  // `Fn::Sub` around them.
  return new ArnPrincipal(role.includes('${') ? Fn.sub(role) : role);
}

function outermost(stack: Stack): Stack {
  return stack.nestedStackParent === undefined ? stack : outermost(stack.nestedStackParent);
}
