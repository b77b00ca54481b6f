import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../lambda/io/settings.ts';
import { ends, settingsText, spoiled } from '../support/settings.ts';

const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012';
const domain = { name: 'erasure.example.com', certificateArn };

/** What is wrong when a part of `operations` is this. */
function problemsWith(part: string, value: unknown): string[] {
  const [first = [], ...others] = ends.map(where =>
    spoiled(settings => {
      settings['operations'][part] = value;
    }, where),
  );
  for (const problems of others) expect(problems).toEqual(first);
  return first;
}

test('all of them are optional, and none has a value that nobody chose', () => {
  const { operations } = parseSettings(
    settingsText(settings => delete settings['operations']),
    'deployed',
  );
  expect(operations).toEqual({});
});

describe('a range of addresses', () => {
  test.each([
    ...['192.0.2.0/24', '192.0.2.1/32', '0.0.0.0/0', '2001:db8::/32', '2001:DB8:0:0:0:0:0:1/128'],
    ...['::/0', '::ffff:192.0.2.0/120'],
  ])('may be %s', range => {
    expect(problemsWith('allowIps', [range])).toEqual([]);
  });

  test.each([
    ...['192.0.2.1', '192.0.2.0/33', '192.0.2.0/024', '192.0.2.0/-1', '192.0.2.0/', '192.0.2.0/24/24'],
    ...['192.0.2/24', '192.0.2.256/24', '192.0.02.0/24', '192.0.2.0/255.255.255.0', '2001:db8::/129'],
    ...['2001:db8:::/32', '2001:db8::1::/64', '2001:db8::zz/64', 'fe80::1%eth0/64', '[2001:db8::]/32'],
    ...['1/1', '.../8', ':::/8', ' 192.0.2.0/24', '192.0.2.0/24\n', 'localhost/8', ''],
  ])('may not be %j', range => {
    expect(problemsWith('allowIps', ['192.0.2.0/24', range])).toEqual(['operations.allowIps.1: must be a CIDR range']);
  });

  test('is listed at least once, or there is no list: an empty one could mean all or none', () => {
    expect(problemsWith('allowIps', [])).toEqual(['operations.allowIps: must hold at least one range']);
  });
});

describe('a firewall', () => {
  test.each([true, false])('may be %j', waf => {
    expect(problemsWith('waf', waf)).toEqual([]);
  });

  test.each(['true', 1, null, {}])('may not be %j', waf => {
    expect(problemsWith('waf', waf)).toEqual(['operations.waf: must be boolean']);
  });
});

describe('a domain', () => {
  test.each([
    ...['erasure.example.com', 'example.com', 'a.b-c.d1.example', 'xn--bcher-kva.xn--p1ai'],
    ...[`${'a'.repeat(63)}.example`],
  ])('may be named %s', name => {
    expect(problemsWith('domain', { ...domain, name })).toEqual([]);
  });

  test.each([
    ...['Erasure.example.com', '*.example.com', 'https://erasure.example.com', 'erasure.example.com/'],
    ...['erasure.example.com.', 'erasure.example.com:443', 'erasure..example.com'],
    ...['-erasure.example.com', 'erasure-.example.com', 'localhost', '192.0.2.1', 'bücher.example'],
    ...[`${'a'.repeat(64)}.example`, 'erasure.example.com\n', ''],
  ])('may not be named %j', name => {
    const problem = 'operations.domain.name: must be a lower-case domain name such as erasure.example.com';
    expect(problemsWith('domain', { ...domain, name })).toEqual([problem]);
  });

  test('may not be longer than a name can be', () => {
    const name = `${'a.'.repeat(126)}ab`;
    expect(problemsWith('domain', { ...domain, name })).toEqual([
      'operations.domain.name: must be at most 253 characters long',
    ]);
  });

  test.each([
    'arn:aws-cn:acm:cn-north-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
    'arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
  ])('may have the certificate %s', arn => {
    expect(problemsWith('domain', { ...domain, certificateArn: arn })).toEqual([]);
  });

  test.each([
    ...['arn:aws:iam::123456789012:server-certificate/erasure'],
    ...['arn:aws:acm:eu-west-1:1234:certificate/12345678-1234-1234-1234-123456789012'],
    ...['arn:aws:acm:eu-west-1:123456789012:certificate/', '12345678-1234-1234-1234-123456789012', ''],
  ])('may not have the certificate %j', arn => {
    const problem = 'operations.domain.certificateArn: must be the ARN of a certificate in ACM';
    expect(problemsWith('domain', { ...domain, certificateArn: arn })).toEqual([problem]);
  });

  test('needs a name and a certificate, and takes nothing else', () => {
    expect(problemsWith('domain', {})).toEqual([
      'operations.domain.name: is missing',
      'operations.domain.certificateArn: is missing',
    ]);
    expect(problemsWith('domain', { ...domain, zone: 'x' })).toEqual(['operations.domain.zone: is not a setting']);
    expect(problemsWith('domain', 'erasure.example.com')).toEqual(['operations.domain: must be Object']);
  });
});

describe('the zone of a domain', () => {
  const withZone = (hostedZone: unknown) => problemsWith('domain', { ...domain, hostedZone });

  test.each(['example.com', 'erasure.example.com'])('may be %s', name => {
    expect(withZone({ id: 'Z0123456789ABC', name })).toEqual([]);
  });

  test.each(['example.org', 'asure.example.com', 'other.example.com', 'sub.erasure.example.com'])(
    'may not be %s: the domain does not lie in it',
    name => {
      const problem = 'operations.domain.hostedZone.name: must be the zone that the domain lies in';
      expect(withZone({ id: 'Z0123456789ABC', name })).toEqual([problem]);
    },
  );

  test.each(['z0123456789abc', '/hostedzone/Z0123456789ABC', 'Z', 'example.com', ''])('may not have the id %j', id => {
    expect(withZone({ id, name: 'example.com' })).toEqual([
      'operations.domain.hostedZone.id: must be the id of a hosted zone, such as Z0123456789ABC',
    ]);
  });

  test('is named with its id', () => {
    expect(withZone({ name: 'example.com' })).toEqual(['operations.domain.hostedZone.id: is missing']);
    expect(withZone({ id: 'Z0123456789ABC' })).toEqual(['operations.domain.hostedZone.name: is missing']);
  });
});
