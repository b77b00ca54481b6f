import { keySet } from '../../lambda/receipts/evidence.ts';
import { OpsUsageError } from './args.ts';
import type { Command } from './command.ts';

export const jwksCommand: Command = {
  summary: 'print the public key that verifies evidence',
  options: {},
  help: `npm run ops -- jwks

Prints the JSON Web Key Set (RFC 7517) of the key that signs evidence. Publish
it, or give it to anyone who verifies evidence without access to your account.
Any JOSE library can read it. It contains no secret.

  npm run -s ops -- jwks > jwks.json
  npm run -s ops -- show RECEIPT --jws > evidence.jws
`,
  run: async ({ positionals }, context, output) => {
    if (positionals.length > 0) throw new OpsUsageError('jwks: takes no arguments');
    output.printJson(keySet(await context.signer.publicKey()));
    return 0;
  },
};
