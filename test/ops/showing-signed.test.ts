import { describe, expect, test } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';
import { changed, type Receipt } from '../../lambda/receipts/receipt.ts';
import { run } from './desk-of.ts';
import { erased, type Office, office } from './office.ts';
import { errors } from './shown.ts';

async function rewritten(at: Office, id: string, change: Partial<Receipt>): Promise<void> {
  const standing = (await at.desk.store.read(id))!;
  expect(await at.desk.store.replace(changed(standing, change))).toBe(true);
}

describe('show, of what was signed', () => {
  test('shows the signed words, and says what the receipt says differently', async () => {
    const at = await office();
    const id = await erased(at);
    await rewritten(at, id, { platform: 'another', reason: 'made-up' });
    const { status, lines } = await at.run('show', id);
    expect(status).toBe(1);
    expect(lines.join('\n')).toContain('the webhook of ketch');
    expect(lines.join('\n')).not.toMatch(/the webhook of another|made-up/);
    expect(lines.at(-1)).toContain('SOMETHING ELSE NOW THAN WHAT WAS SIGNED: platform, reason');
  });

  test('notices words that were not signed', async () => {
    const at = await office();
    const id = await erased(at);
    const [header, payload, signature] = (await at.desk.store.read(id))!.evidence!.split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, outcome: 'no-match' })).toString('base64url');
    await rewritten(at, id, { evidence: `${header}.${forged}.${signature}` });
    const { status, lines } = await at.run('show', id);
    expect(status).toBe(1);
    expect(lines.join('\n')).toContain('THE SIGNATURE IS WRONG');
    expect((await at.run('show', id, '--json')).json).toMatchObject({ signature: { verdict: 'bad' } });
  });

  test('says so where it is another key’s, or the key cannot be asked, and when its form is not known', async () => {
    const at = await office();
    const id = await erased(at);
    const withSigner = (signer: typeof at.desk.signer) => run({ ...at.desk, signer }, 'show', id);
    const other = await withSigner(localSigner(':memory:'));
    expect([other.status, other.lines.join('\n')]).toEqual([1, expect.stringContaining('the key in use is another')]);
    const deaf = await withSigner({ publicKey: () => Promise.reject(new Error('no')) });
    expect([deaf.status, deaf.lines.join('\n')]).toEqual([1, expect.stringContaining('was not checked')]);
    const said = errors();
    await rewritten(at, id, { evidence: 'e30.e30.e30' });
    expect(await at.run('show', id)).toMatchObject({ status: 1, lines: [] });
    expect(said).toHaveBeenCalledWith(expect.stringContaining('a form that this version does not know'));
  });
});
