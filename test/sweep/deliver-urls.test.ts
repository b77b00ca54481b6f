import { describe, expect, test } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { sendCallback } from '../../lambda/sweep/send-callback.ts';
import { now, response } from '../support/quota-world.ts';

const origins = ['https://dsr.ketch.com'];

/** Where a callback to this URL went; undefined when it went nowhere. */
async function wentTo(url: string): Promise<URL | undefined> {
  const calls: HttpCall[] = [];
  const send = async (call: HttpCall) => {
    calls.push(call);
    return response(200);
  };
  const callback = { method: 'POST', url, headers: {}, body: '', alsoDelivered: [] } as const;
  const delivery = await sendCallback(callback, { send, origins, now: () => now, until: now + 1000 });
  expect(delivery.kind).toBe(calls.length === 1 ? 'delivered' : 'refused');
  return calls[0]?.url;
}

describe('a callback goes nowhere', () => {
  test.each<[string, readonly string[]]>([
    [
      'with a user in its address',
      [
        'https://user@dsr.ketch.com/',
        'https://user:password@dsr.ketch.com/',
        'https://:password@dsr.ketch.com/',
        'https://dsr.ketch.com@evil.example/',
        'https://dsr.ketch.com:443@evil.example/',
        'https://dsr.ketch.com%40evil.example/',
        'https://evil.example%40dsr.ketch.com/',
        'https://%20@dsr.ketch.com/',
        'https://dsr.ketch.com&@evil.example#@dsr.ketch.com/',
        'https://evil.example\\@dsr.ketch.com/',
      ],
    ],
    [
      'to an address in digits, in any spelling',
      [
        'https://127.0.0.1/',
        'https://127.1/',
        'https://2130706433/',
        'https://0x7f000001/',
        'https://0x7f.0.0.1/',
        'https://0177.0.0.1/',
        'https://017700000001/',
        'https://0/',
        'https://0.0.0.0/',
        'https://10.0.0.1/',
        'https://169.254.169.254/latest/meta-data',
        'https://169.254.170.2/v2/credentials',
        'https://2852039166/',
        'https://100.64.0.1/',
        'https://127.0.0.1./',
        'https://①②⑦.⓪.⓪.①/',
        'https://[::1]/',
        'https://[::]/',
        'https://[::ffff:127.0.0.1]/',
        'https://[::ffff:7f00:1]/',
        'https://[64:ff9b::7f00:1]/',
        'https://[fd00:ec2::254]/',
        'https://[fe80::1]/',
      ],
    ],
    [
      'to another port',
      [
        'https://dsr.ketch.com:80/',
        'https://dsr.ketch.com:8443/',
        'https://dsr.ketch.com:4430/',
        'https://dsr.ketch.com:22/',
        'https://dsr.ketch.com:0/',
        'https://dsr.ketch.com:65536/',
      ],
    ],
    [
      'to another name, however like it',
      [
        'https://dsr.ketch.com./',
        'https://dsr.ketch.com../',
        'https://.dsr.ketch.com/',
        'https://dsr.ketch.com.evil.example/',
        'https://dsr.ketch.comevil.example/',
        'https://evil-dsr.ketch.com/',
        'https://a.dsr.ketch.com/',
        'https://ketch.com/',
        'https://dsr.ketch.co/',
        'https://dsr-ketch.com/',
        'https://dsr.ketch.com%2eevil.example/',
        'https://dsr.ketch.com%00.evil.example/',
        'https://dsr.ketch.com;evil.example/',
        'https://evil.example/https://dsr.ketch.com/',
        'https://evil.example?https://dsr.ketch.com/',
        'https://evil.example#https://dsr.ketch.com/',
        'https://dsr.kеtch.com/',
        'https://dѕr.ketch.com/',
        'https://xn--dsr-ketch.com/',
        'https://dsr.xn--ktch-8cd.com/',
        'https://dsr.ket\u00adch.com.evil.example/',
        'https://dsr.ketch.com\u2024evil.example/',
        'https://localhost/',
        'https://dsr.ketch.com.nip.io/',
        'https://*/',
      ],
    ],
    [
      'by another scheme',
      [
        'http://dsr.ketch.com/',
        'http://dsr.ketch.com:443/',
        'HTTP://dsr.ketch.com/',
        'wss://dsr.ketch.com/',
        'ftp://dsr.ketch.com/',
        'gopher://dsr.ketch.com/',
        'file:///etc/passwd',
        'file://dsr.ketch.com/etc/passwd',
        'data:text/plain,https://dsr.ketch.com/',
        'javascript:fetch("https://dsr.ketch.com/")',
        'blob:https://dsr.ketch.com/',
        'view-source:https://dsr.ketch.com/',
        'jar:https://dsr.ketch.com!/',
        'unix:/var/run/docker.sock',
        'dsr.ketch.com:443',
        '//dsr.ketch.com/',
        '/callback',
        'https:/\u0000/dsr.ketch.com',
        'https://',
        'https:///',
        '',
        ' ',
      ],
    ],
  ])('%s', async (_, urls) => {
    for (const url of urls) expect(await wentTo(url), url).toBeUndefined();
  });
});

describe('a callback goes to the listed origin and nowhere else', () => {
  test.each([
    'https://dsr.ketch.com',
    'https://dsr.ketch.com/callback?to=https://evil.example#@evil.example',
    'https://dsr.ketch.com/@evil.example/',
    'https://dsr.ketch.com:443/',
    'https://DSR.Ketch.COM/',
    'https:dsr.ketch.com/',
    'https:/\\dsr.ketch.com\\@evil.example/',
    'https://dsr.ketch。com/',
    'https://ｄｓｒ.ketch.com/',
    'https://dsr.%6Betch.com/',
    '\thttps://dsr.ketch.com/\n',
    'https://dsr.ket\nch.com/',
    'https://dsr.ket\u00adch.com/',
    'https://dsr.ketch.com/%2e%2e/%2e%2e/',
  ])('in every spelling of it: %j', async url => {
    const went = await wentTo(url);
    expect(went).toMatchObject({ protocol: 'https:', host: 'dsr.ketch.com', username: '', password: '', port: '' });
  });
});
