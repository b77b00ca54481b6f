import type { LookupAddress, LookupOptions } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { checkedLookup, isPublicAddress, type Resolve, systemResolve } from '../../lambda/io/public-address.ts';

describe('public address', () => {
  test.each([
    '1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255',
    '169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0',
    '198.51.99.255 203.0.112.255 203.0.114.0 223.255.255.255',
    '2000::1 2001:200::1 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450::1 3ffe::1 3fff:1000::1',
  ])('%s: are public', addresses => {
    expect(addresses.split(' ').filter(address => !isPublicAddress(address))).toEqual([]);
  });

  test.each<[string, readonly string[]]>([
    ['this network', ['0.0.0.0', '0.255.255.255']],
    ['private', ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255']],
    ['shared by carriers', ['100.64.0.0', '100.127.255.255']],
    ['loopback', ['127.0.0.1', '127.255.255.255', '::1']],
    ['link-local', ['169.254.0.0', '169.254.169.254', '169.254.255.255', 'fe80::1', 'febf::1', 'fe80::1%eth0']],
    ['for protocols', ['192.0.0.0', '192.0.0.170', '192.0.0.255', '2001::', '2001:1ff:ffff::1']],
    ['in documents', ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1', '3fff:fff::1']],
    ['6to4', ['192.88.99.1', '2002::1', '2002:7f00:1::', '2002:a9fe:a9fe::1']],
    ['for benchmarks', ['198.18.0.0', '198.19.255.255', '2001:2::1']],
    ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1']],
    ['reserved', ['240.0.0.0', '255.255.255.255', '4000::1', '5f00::1', 'e000::1', '1fff:ffff::1']],
    ['unspecified', ['::', '::0']],
    ['IPv4 in IPv6', ['::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1', '::ffff:a9fe:a9fe', '::127.0.0.1']],
    ['translated', ['64:ff9b::127.0.0.1', '64:ff9b::8.8.8.8', '64:ff9b:1::a00:1', '::ffff:0:127.0.0.1']],
    ['Teredo', ['2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:0:7f00:1::1']],
    ['ORCHID', ['2001:10::1', '2001:20::1', '2001:2f:ffff::1']],
    ['discarded', ['100::1', '100:0:0:1::1']],
    ['unique local', ['fc00::1', 'fd00:ec2::254', 'fdff::1']],
    ['site-local', ['fec0::1', 'feff::1']],
    ['an address at all', ['', 'dsr.ketch.com', '1.2.3', '1.2.3.4.5', '256.1.1.1', '0x7f.1', '2130706433', '[::1]']],
  ])('%s: is not public', (_, addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });
});

/** Returns the result of a look-up: an error, or the addresses in the requested form. */
function lookedUp(resolve: Resolve, options: LookupOptions, isAllowed = isPublicAddress): Promise<unknown> {
  return new Promise(done => {
    checkedLookup(resolve, isAllowed)('dsr.ketch.com', options, (error, address, family) => {
      done(error === null ? [address, family] : error);
    });
  });
}

const [v4, v6]: LookupAddress[] = [
  { address: '8.8.8.8', family: 4 },
  { address: '2606:4700:4700::1111', family: 6 },
];
const answering =
  (...addresses: readonly (LookupAddress | undefined)[]): Resolve =>
  async () =>
    addresses.filter(one => one !== undefined);

describe('look-up for a connection', () => {
  test('result: the checked addresses, all or the first', async () => {
    expect(await lookedUp(answering(v4, v6), { all: true })).toEqual([[v4, v6], undefined]);
    expect(await lookedUp(answering(v6, v4), {})).toEqual(['2606:4700:4700::1111', 6]);
  });

  test('resolver: is called once, and every address is checked', async () => {
    const asked: string[] = [];
    const checked: string[] = [];
    const resolve: Resolve = async name => {
      asked.push(name);
      return answering(v4, v6)(name);
    };
    await lookedUp(resolve, { all: true }, address => checked.push(address) > 0);
    expect(asked).toEqual(['dsr.ketch.com']);
    expect(checked).toEqual(['8.8.8.8', '2606:4700:4700::1111']);
  });

  test.each<[string, Resolve]>([
    ['one bad address among good ones', answering(v4, { address: '169.254.169.254', family: 4 }, v6)],
    ['one bad address after good ones', answering(v4, v6, { address: '::ffff:10.0.0.1', family: 6 })],
    ['no address', answering()],
    ['something that is no address', answering({ address: 'localhost', family: 4 })],
    ['a failure', () => Promise.reject(new Error('ENOTFOUND dsr.ketch.com'))],
  ])('%s: is an error without name or address', async (_, resolve) => {
    for (const all of [true, false]) {
      const error = await lookedUp(resolve, { all });
      expect(error).toBeInstanceOf(Error);
      expect(String(error)).not.toMatch(/ketch|\d+\.\d+|::/u);
    }
  });
});

test('system resolver: returns all addresses of a name', async () => {
  const addresses = await systemResolve('localhost');
  expect(addresses.length).toBeGreaterThan(0);
  expect(addresses.filter(({ address }) => isPublicAddress(address))).toEqual([]);
});
