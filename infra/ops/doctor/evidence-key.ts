import { bad, type Check, ok } from './finding.ts';

/** Whether the public half of the key that evidence is signed with can be had. */
export const evidenceKeyCheck: Check = {
  name: 'evidence key',
  run: ({ signer, names, local }) => {
    const called = local === undefined ? names.evidenceKey : 'the key of npm start';
    return signer.publicKey().then(
      () => [ok(`${called}: its public half can be had`)],
      () => [
        bad(`${called}: cannot be had: is it enabled, and may you do kms:GetPublicKey? (RUNBOOK.md#evidence-unsigned)`),
      ],
    );
  },
};
