import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

type Data = string | ArrayBuffer | ArrayBufferView;

/** The signing key is the same array for every request of a day. Node needs a long time to convert an array for an HMAC. */
const keys = new WeakMap<object, KeyObject>();

/**
 * SHA-256 or, with a secret, HMAC-SHA-256, for the signatures of the SDK (Smithy's `Checksum`). It does what the SDK's own
 * class does with fewer and faster calls of Node.
 */
export class Sha256 {
  private data: Uint8Array[] = [];
  private readonly secret: Data | undefined;

  constructor(secret?: Data) {
    this.secret = secret;
  }

  update(data: Data): void {
    this.data.push(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    const [first, ...others] = this.data;
    const all = first === undefined || others.length > 0 ? Buffer.concat(this.data) : first;
    if (this.secret === undefined) return hash('sha256', all, 'buffer');
    return createHmac('sha256', keyOf(this.secret)).update(all).digest();
  }

  reset(): void {
    this.data = [];
  }
}

function keyOf(secret: Data): string | KeyObject {
  if (typeof secret === 'string') return secret;
  const key = keys.get(secret) ?? createSecretKey(bytesOf(secret));
  keys.set(secret, key);
  return key;
}

function bytesOf(data: Data): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
