import {
  AlreadyExistsException,
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  type KMSClient,
  NotFoundException,
} from '@aws-sdk/client-kms';

/**
 * Makes the key that evidence is signed with on an emulator, under its alias, where it is missing. In an account the
 * stack does this. Errors are the SDK's own: they are for whoever runs it locally.
 */
export async function createEvidenceKey(client: KMSClient, AliasName: string): Promise<void> {
  if (await exists(client, AliasName)) return;
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
  );
  try {
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }));
  } catch (thrown) {
    // Another process was faster, and its key serves both.
    if (!(thrown instanceof AlreadyExistsException)) throw thrown;
  }
}

async function exists(client: KMSClient, KeyId: string): Promise<boolean> {
  try {
    await client.send(new DescribeKeyCommand({ KeyId }));
    return true;
  } catch (thrown) {
    if (thrown instanceof NotFoundException) return false;
    throw thrown;
  }
}
