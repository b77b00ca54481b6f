import { keySet } from '../../lambda/receipts/signer.ts';
import type { Command } from './command.ts';

export const jwksCommand: Command = {
  summary: 'the public key that evidence is verified with',
  options: {},
  help: `npm run ops -- jwks

Prints the JSON Web Key Set (RFC 7517) of the key that evidence is signed with: publish it, or give it to whoever verifies
evidence without your account. Any JOSE library takes it. It holds nothing secret.

  npm run -s ops -- jwks > jwks.json
  npm run -s ops -- show RECEIPT --jws > evidence.jws
`,
  run: async (_, desk, output) => {
    output.printJson(keySet(await desk.signer.publicKey()));
    return 0;
  },
};
