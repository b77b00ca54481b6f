import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compactVerify, createLocalJWKSet } from 'jose';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { localSigner } from '../../infra/local/embedded-secrets.ts';
import { parseCommandArgs } from '../../infra/ops/args.ts';
import { verifyCommand } from '../../infra/ops/verify.ts';
import { parseKeySet, verifyEvidence } from '../../infra/ops/verify-evidence.ts';
import {
  addendumStatement,
  addendumType,
  evidenceOf,
  evidenceType,
  keySet,
  type Signer,
  signStatement,
} from '../../lambda/receipts/evidence.ts';
import type { Addendum } from '../../lambda/receipts/row-schemas.ts';
import { chromiumForSuite, findChromium, poorContrast } from '../support/chromium.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { closed, now, receiptOf } from '../support/receipt-builders.ts';
import { ops, recordingOutput } from './ops-harness.ts';

const keyFolder = mkdtempSync(join(tmpdir(), 'verify-'));
afterAll(() => rmSync(keyFolder, { recursive: true }));
const signer = localSigner(join(keyFolder, 'evidence-key.pem'));
const other = localSigner(join(keyFolder, 'other-key.pem'));
const jwks = keySet(await signer.publicKey());
const otherJwks = keySet(await other.publicKey());
const evidence = evidenceOf(closed(receiptOf()));
const genuine = await signStatement(evidenceType, evidence, signer, now);
const [head = '', body = '', tail = ''] = genuine.split('.');

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Readonly<Record<string, string>>;
const payload = JSON.parse(Buffer.from(body, 'base64url').toString()) as Readonly<Record<string, unknown>>;

/** A JWS over any header and payload, signed by this key. */
async function signed(change: object, changedPayload: object = {}, by: Pick<Signer, 'sign'> = signer): Promise<string> {
  const text = `${encode({ ...header, ...change })}.${encode({ ...payload, ...changedPayload })}`;
  return `${text}.${Buffer.from(await by.sign(Buffer.from(text))).toString('base64url')}`;
}

/** The text with another character of base64url at this place. */
const altered = (text: string, at: number) =>
  `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;

/** The 64 bytes of a signature fill 86 characters, of which the last has four unused bits. */
const unusedBits = `${genuine.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[genuine.at(-1)!]}`;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signedRsa = (text: string) =>
  `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`;
/** The public key as the secret of an HMAC: a verifier that believes the header would accept it. */
const hmacText = `${encode({ ...header, alg: 'HS256' })}.${body}`;
const hmac = createHmac('sha256', JSON.stringify(jwks.keys[0])).update(hmacText).digest('base64url');

const notEvidence = 'it is not signed evidence (a JWS: three parts with dots between them)';
const algorithm = 'its header does not name the algorithm ES256, the only one that evidence has';
const anotherType = 'it is signed, but not as evidence of this service';
const unknownKey = 'it names a key that is not in the key set';
const wrong = 'the signature is wrong: the file was changed, or another key signed it';
const unknownFormat = 'the signature is right, but this version does not know the format: use the newest one';

/** Files that are no valid evidence, and the reason that is given. */
const refused: readonly (readonly [name: string, jws: string, reason: string])[] = [
  ['one character of the content changed', `${head}.${altered(body, 40)}.${tail}`, wrong],
  ['one character of the signature changed', `${head}.${body}.${altered(tail, 10)}`, wrong],
  ['outcome changed', `${head}.${encode({ ...payload, outcome: 'refused' })}.${tail}`, wrong],
  ['unused bits of the signature set', unusedBits, notEvidence],
  ['characters that are not base64url', `${head}.${body}!.${tail}`, notEvidence],
  ['signature empty', `${head}.${body}.`, wrong],
  ['signature of another length', `${head}.${body}.${tail.slice(0, 40)}`, wrong],
  ['signed with another key', await signed({}, {}, other), wrong],
  ['key id of no key in the set', await signed({ kid: 'another-key' }), unknownKey],
  ['key id of another key', await signStatement(evidenceType, evidence, other, now), unknownKey],
  ['key id missing', await signed({ kid: undefined }), unknownKey],
  ['alg none', `${encode({ ...header, alg: 'none' })}.${body}.`, algorithm],
  ['alg none with a signature', await signed({ alg: 'none' }), algorithm],
  ['alg RS256 with an ES256 key', await signed({ alg: 'RS256' }), algorithm],
  ['signed with RSA', signedRsa(`${encode({ ...header, alg: 'RS256' })}.${body}`), algorithm],
  ['HMAC with the public key', `${hmacText}.${hmac}`, algorithm],
  ['another type of token', await signed({ typ: 'JWT' }), anotherType],
  ['addendum to evidence', await signed({ typ: 'erasure-addendum+jwt' }), anotherType],
  ['type that is no text', await signed({ typ: { toString: 1, valueOf: 1 } }), notEvidence],
  ['key id that is no text', await signed({ kid: 1 }), notEvidence],
  ['statement without a request', await signed({}, { request: undefined }), unknownFormat],
  ['extension that must be understood', await signed({ crit: ['exp'] }), anotherType],
  ['another issuer', await signed({}, { iss: 'somebody' }), unknownFormat],
  ['format of a later version', await signed({}, { v: 2 }), unknownFormat],
  ['text', 'Certificate of erasure', notEvidence],
  ['JSON', JSON.stringify(payload), notEvidence],
  ['empty', '', notEvidence],
  ['two parts', `${head}.${body}`, notEvidence],
  ['four parts', `${genuine}.${tail}`, notEvidence],
  ['header that is not JSON', `AAAA.${body}.${tail}`, notEvidence],
];

/** Writes files into a folder; returns their paths. */
function files(texts: Readonly<Record<string, string>>): readonly string[] {
  const folder = temporaryFolder();
  return Object.entries(texts).map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
}

const jwksFile = join(keyFolder, 'jwks.json');
writeFileSync(jwksFile, JSON.stringify(jwks));
writeFileSync(join(keyFolder, 'empty.json'), '{"keys":[]}');

async function verify(...args: readonly string[]) {
  const typed = parseCommandArgs(verifyCommand, [...args, '--jwks', jwksFile]);
  const { output, lines, printed } = recordingOutput(typed.isSet('json'));
  return { status: await verifyCommand.runOffline(typed, output), lines, json: printed[0] };
}

describe('verify', () => {
  const keys = parseKeySet(JSON.stringify(jwks))!;

  test('genuine evidence: is valid, also for a JOSE library, and says what was signed', async () => {
    await expect(compactVerify(genuine, createLocalJWKSet(jwks))).resolves.toBeDefined();
    const keyId = jwks.keys[0]!.kid;
    const at = Math.floor(now / 1000) * 1000;
    expect(verifyEvidence(`${genuine}\n`, keys)).toEqual({ valid: true, evidence, keyId, at });
  });

  test.each(refused)('%s: is not valid', (_, jws, reason) => {
    expect(verifyEvidence(jws, keys)).toEqual({ valid: false, reason });
  });

  test('every single changed character: is not valid', () => {
    const changed = Array.from(genuine, (_, at) => verifyEvidence(altered(genuine, at), keys).valid);
    expect(changed.filter(valid => valid)).toEqual([]);
  });

  test('names of keys: do not count, and a key that is no P-256 key is left out', () => {
    const [key] = jwks.keys;
    const renamed = parseKeySet(JSON.stringify({ keys: [{ ...otherJwks.keys[0], kid: key?.kid }] }));
    expect(verifyEvidence(genuine, renamed!)).toEqual({ valid: false, reason: unknownKey });
    const { n, e } = rsa.publicKey.export({ format: 'jwk' });
    const unusable = [
      null,
      'key',
      { kty: 'RSA', n, e, kid: key?.kid },
      { ...key, y: key?.x },
      { ...key, crv: 'P-384' },
    ];
    expect(parseKeySet(JSON.stringify({ keys: unusable }))?.size).toBe(0);
    expect([...parseKeySet(JSON.stringify({ keys: [...unusable, key] }))!.keys()]).toEqual([key?.kid]);
  });

  test('files: one line says YES or NO with the reason, and one invalid file makes the exit code 1', async () => {
    const [good = '', bad = ''] = files({
      'good.jws': `${genuine}\n`,
      'bad.jws': `${head}.${altered(body, 40)}.${tail}`,
    });
    const facts = `receipt receipt-1, signed at ${new Date(now).toISOString().slice(0, 19)}Z`;
    const yes = `YES  ${good}: erased; ${facts} with the key ${jwks.keys[0]?.kid}`;
    expect(await verify(good)).toMatchObject({ status: 0, lines: [yes] });
    const missing = join(temporaryFolder(), 'missing.jws');
    expect(await verify(good, bad, missing)).toMatchObject({
      status: 1,
      lines: [yes, `NO   ${bad}: ${wrong}`, `NO   ${missing}: it cannot be read`, '1 of 3 files are valid'],
    });
    expect((await verify(good, bad, '--json')).json).toMatchObject({
      valid: 1,
      invalid: 1,
      files: [
        { file: good, valid: true, receipt: 'receipt-1', outcome: 'erased' },
        { valid: false, reason: wrong },
      ],
    });
  });

  test('partial result that an operator accepted: is not called erased without saying so', async () => {
    const decision = { at: new Date(now).toISOString(), actor: 'Ann', action: 'accept-partial', reason: 'a drill' };
    const [file = ''] = files({ 'partial.jws': await signed({}, { decisions: [decision] }) });
    expect((await verify(file)).lines[0]).toContain(': erased (an operator accepted a partial result); receipt');
    expect((await verify(file, '--json')).json).toMatchObject({ files: [{ outcome: 'erased', partial: true }] });
  });

  test('folder: every .jws file in it is verified; a folder without one and a huge file are not valid', async () => {
    const folder = temporaryFolder();
    await expect(verify(folder)).rejects.toThrow('verify: the folder contains no .jws file');
    for (const name of ['a.jws', 'b.jws', 'SHA256SUMS']) writeFileSync(join(folder, name), genuine);
    expect(await verify(folder)).toMatchObject({
      status: 0,
      lines: [/a\.jws/, /b\.jws/, '2 of 2 files are valid'].map(line => expect.stringMatching(line)),
    });
    expect((await verify(folder, '--json')).json).toEqual({ valid: 2, invalid: 0, files: [] });
    const [huge = ''] = files({ 'huge.jws': 'x'.repeat(1_000_001) });
    expect((await verify(huge)).lines).toEqual([`NO   ${huge}: it is too large to be evidence`]);
    mkdirSync(join(folder, 'c.jws'));
    expect((await verify(folder)).lines.at(-1)).toBe('2 of 3 files are valid');
  });

  test('process: works without a deployment, and a control character in a file name is not printed', () => {
    const [file = ''] = files({ 'a\u001b[2J.jws': genuine });
    const { status, stdout, stderr } = ops(['verify', file, '--jwks', jwksFile], { AWS_REGION: '' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^YES .*a \[2J\.jws: erased/);
  });

  test.each([
    [[], 'verify: give one or more files or folders'],
    [['x'], '--jwks: must be the file with the public keys'],
    [['x', '--jwks', '/missing'], '--jwks: the file cannot be read'],
    [['x', '--jwks', join(keyFolder, 'empty.json')], '--jwks: is not a key set with a public key for ES256'],
    [['x', '--jwks', join(keyFolder, 'evidence-key.pem')], '--jwks: is not a key set with a public key for ES256'],
  ])('%j: is a usage error', async (args, message) => {
    const run = verifyCommand.runOffline(parseCommandArgs(verifyCommand, args), recordingOutput().output);
    await expect(run).rejects.toThrow(message);
  });
});

const page = join(import.meta.dirname, '../../docs/verify.html');

describe('verify.html', () => {
  const html = readFileSync(page, 'utf8');
  const [, policy = ''] = /Content-Security-Policy" content="([^"]+)"/.exec(html) ?? [];

  test.each(['script', 'style'])('%s: the only one that the policy allows is the one of the page', tag => {
    const [, text = ''] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html) ?? [];
    const digest = createHash('sha256').update(text).digest('base64');
    expect(policy.split('; ')).toContain(`${tag}-src 'sha256-${digest}'`);
  });

  test('policy: allows no connection, and the page names no other address', () => {
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).not.toMatch(/connect-src|img-src|font-src|https?:|unsafe|\*/);
    expect(html).not.toMatch(/https?:\/\/|\bsrc=|@import|\burl\(/);
  });
});

const chromiumPath = findChromium();

describe.skipIf(chromiumPath === undefined)('verify.html in Chromium', () => {
  const openPage = chromiumForSuite(chromiumPath);
  const open = async (options: Parameters<typeof openPage>[1] = {}) => {
    const opened = await openPage(pathToFileURL(page).href, options);
    const requests: string[] = [];
    opened.on('request', request => void requests.push(request.url()));
    onTestFinished(() => expect(requests).toEqual([]));
    return opened;
  };
  const file = (name: string, text: string) => ({ name, mimeType: '', buffer: Buffer.from(text) });
  const chooseKey = (at: Page, text = JSON.stringify(jwks)) =>
    at.getByLabel('Drop jwks.json here, or choose it').setInputFiles([file('jwks.json', text)]);
  const chooseEvidence = (at: Page, ...chosen: readonly (readonly [string, string])[]) =>
    at.getByLabel(/^Drop one or more \.jws files/).setInputFiles(chosen.map(([name, text]) => file(name, text)));
  const results = (at: Page) => at.getByRole('list', { name: 'Results' }).locator('> li');

  test('genuine evidence: is valid, with its receipt and the fingerprint that its certificate has', async () => {
    const at = await open();
    await chooseEvidence(at, ['evidence.jws', `${genuine}\n`]);
    await at.getByText('1 chosen. The public key is missing.').waitFor();
    await chooseKey(at);
    await at.getByText('1 of 1 valid.').waitFor();
    const [text = ''] = await results(at).allInnerTexts();
    expect(text).toContain('Yes, valid: evidence.jws');
    const digest = createHash('sha256')
      .update(`${genuine}\n`)
      .digest('hex')
      .replaceAll(/.{8}(?!$)/g, '$& ');
    for (const part of ['receipt-1', 'Erased: Voucherify confirmed the deletion.', jwks.keys[0]!.kid, digest])
      expect(text).toContain(part);
    await at.getByText(`The key is ${jwks.keys[0]?.kid}.`).waitFor();
    await at.getByText('The whole statement').click();
    expect(JSON.parse(await at.getByLabel('The whole statement as JSON').inputValue())).toEqual(payload);
  });

  test('every forgery of the command: is not valid, for the same reason', async () => {
    const at = await open();
    await chooseKey(at);
    // As the command does, the page reads an addendum as what it says that it is.
    const asRead = refused.map(([name, jws, reason]) => [
      name,
      jws,
      name.startsWith('addendum') ? unknownFormat : reason,
    ]);
    const expected = [...asRead, ['huge', 'x'.repeat(1_000_001), 'it is too large to be evidence']] as [
      string,
      string,
      string,
    ][];
    await chooseEvidence(at, ...expected.map(([name, jws]) => [name, jws] as const));
    await at.getByText(`0 of ${refused.length + 1} valid.`).waitFor();
    expect(await results(at).allInnerTexts()).toEqual(
      expected.map(([name, , reason]) => `No, not valid: ${name}\n\n${reason[0]?.toUpperCase()}${reason.slice(1)}.`),
    );
  });

  test('addendum: is valid, and belongs to the evidence of its name only if that is the one it names', async () => {
    const at = await open();
    await chooseKey(at);
    const stored: Addendum = {
      ...{ v: 1, receipt: 'receipt-1', event: 'event-1', revision: 1, project: 'main', expiresAt: 1 },
      ...{ type: 'customer.created', matched: ['source_id'], occurredAt: now, receivedAt: now },
    };
    const statement = addendumStatement(stored, genuine);
    const addendum = await signStatement(addendumType, statement, signer, now);
    const files = (evidenceText: string) =>
      [
        ['receipt-1.jws', evidenceText],
        ['receipt-1.addendum-event-1.jws', addendum],
      ] as const;
    await chooseEvidence(at, ...files(`${genuine}\n`));
    await at.getByText('2 of 2 valid.').waitFor();
    const [, text = ''] = await results(at).allInnerTexts();
    for (const part of ['same source_id was created or changed after the erasure', 'receipt-1.jws, among these files'])
      expect(text).toContain(part);
    await chooseEvidence(at, ['evidence.jws', genuine], files('')[1]);
    await at.getByText('2 of 2 valid.').waitFor();
    expect((await results(at).allInnerTexts())[1]).toContain('evidence.jws, among these files');
    await chooseEvidence(at, files(genuine)[1]);
    await at.getByText('1 of 1 valid.').waitFor();
    expect(await results(at).allInnerTexts()).toEqual([expect.stringContaining('not among these files')]);
    await chooseEvidence(at, ...files(await signed({}, { closedAt: '2026-11-24T12:00:00Z' })));
    await at.getByText('1 of 2 valid.').waitFor();
    expect((await results(at).allInnerTexts())[1]).toContain(
      'It belongs to other evidence than the file of its receipt.',
    );
  });

  test('pasted key: is read, another key is not accepted, and a text that is none says so', async () => {
    const at = await open();
    await chooseEvidence(at, ['evidence.jws', genuine]);
    const paste = at.getByLabel('or paste its text');
    await paste.fill(JSON.stringify(otherJwks));
    await at.getByText('0 of 1 valid.').waitFor();
    expect(await results(at).allInnerTexts()).toEqual([expect.stringContaining('It names a key that is not in')]);
    await paste.fill(JSON.stringify({ keys: [{ ...otherJwks.keys[0], kid: jwks.keys[0]?.kid }] }));
    await at.getByText('The key is').waitFor();
    await at.getByText('0 of 1 valid.').waitFor();
    await paste.fill(JSON.stringify(jwks));
    await at.getByText('1 of 1 valid.').waitFor();
    for (const text of ['nonsense', '{"keys":[null,1]}', '[]']) {
      await paste.fill(text);
      await at.getByText('This is not a key set').waitFor();
      await paste.fill(JSON.stringify(jwks));
      await at.getByText('1 of 1 valid.').waitFor();
    }
  });

  test('key sets in quick succession: the last one counts, even if an earlier one is read later', async () => {
    const at = await open();
    await chooseEvidence(at, ['evidence.jws', genuine]);
    // The browser imports the keys of the first set later than those of the second.
    await at.evaluate(`(() => {
      const digest = crypto.subtle.digest.bind(crypto.subtle);
      let calls = 0;
      crypto.subtle.digest = async (...args) => {
        calls += 1;
        if (calls === 1) await new Promise(resolve => { globalThis.release = resolve; });
        return digest(...args);
      };
    })()`);
    const paste = at.getByLabel('or paste its text');
    await paste.fill(JSON.stringify(otherJwks));
    await at.waitForFunction('globalThis.release !== undefined');
    await paste.fill(JSON.stringify(jwks));
    await at.getByText('1 of 1 valid.').waitFor();
    await at.evaluate('release()');
    await at.evaluate('new Promise(resolve => setTimeout(resolve, 0))');
    expect(await at.locator('#evidence-status').textContent()).toBe('1 of 1 valid.');
    expect(await at.locator('#key-status').textContent()).toContain(jwks.keys[0]?.kid);
  });

  test('dropped files: the key set and the evidence are distinguished', async () => {
    const at = await open();
    const dropped = await at.evaluateHandle(
      `(texts => { const data = new DataTransfer(); for (const [name, text] of texts) data.items.add(new File([text], name)); return data; })(${JSON.stringify(
        [
          ['one.jws', genuine],
          ['jwks.json', JSON.stringify(jwks)],
          ['two.jws', unusedBits],
        ],
      )})`,
    );
    await at.dispatchEvent('body', 'drop', { dataTransfer: dropped });
    await at.getByText('1 of 2 valid.').waitFor();
    const shown = (id: string) => at.evaluate(`[...document.getElementById('${id}').files].map(file => file.name)`);
    expect(await shown('key-file')).toEqual(['jwks.json']);
    expect(await shown('evidence-files')).toEqual(['one.jws', 'two.jws']);
  });

  test('content of a file: is shown as text, and nothing is loaded from it', async () => {
    const at = await open();
    await chooseKey(at);
    const attack = '<img src="https://example.com/x.png" onerror="alert(1)">';
    await chooseEvidence(at, [`${attack}.jws`, await signed({}, { platform: attack })]);
    await at.getByText('1 of 1 valid.').waitFor();
    expect(await results(at).locator('img').count()).toBe(0);
    const reached = `fetch('https://example.com/').then(() => 'reached', () => 'blocked')`;
    expect(await at.evaluate(reached)).toBe('blocked');
  });

  test('keyboard alone: reaches every control in order, and the answer is announced', async () => {
    const at = await open();
    // Long before it opens: Playwright starts to intercept it without waiting.
    const chooser = at.waitForEvent('filechooser');
    const focused = () => at.evaluate('document.activeElement.id || document.activeElement.tagName');
    const order: unknown[] = [];
    for (let tabs = 0; tabs < 3; tabs += 1) {
      await at.keyboard.press('Tab');
      order.push(await focused());
    }
    expect(order).toEqual(['key-file', 'key-text', 'evidence-files']);
    await at.keyboard.press('Shift+Tab');
    await at.keyboard.insertText(JSON.stringify(jwks));
    await at.keyboard.press('Tab');
    await at.keyboard.press('Enter');
    await (await chooser).setFiles([file('evidence.jws', genuine)]);
    await expect.poll(() => at.locator('#evidence-status[role=status]').textContent()).toBe('1 of 1 valid.');
    await at.keyboard.press('Tab');
    await at.keyboard.press('Enter');
    await at.getByLabel('The whole statement as JSON').waitFor();
  });

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)('%d pixels, %s: nothing overflows, and every text has enough contrast', async (width, colorScheme) => {
    const at = await open({ viewport: { width, height: 844 }, colorScheme });
    await chooseKey(at);
    await chooseEvidence(at, ['evidence.jws', genuine], ['changed.jws', unusedBits]);
    await at.getByText('1 of 2 valid.').waitFor();
    expect(await at.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(await at.evaluate(poorContrast)).toEqual([]);
  });
});
