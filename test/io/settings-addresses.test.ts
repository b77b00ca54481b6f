import { describe, expect, test } from 'vitest';
import type { Where } from '../../lambda/io/settings.ts';
import { ends, spoiled } from '../support/settings.ts';

describe('a Voucherify address', () => {
  const withUrl = (baseUrl: string, where: Where) =>
    spoiled(settings => {
      settings['projects'].main.baseUrl = baseUrl;
    }, where);

  test.each([
    'https://api.voucherify.io',
    'https://us1.api.voucherify.io',
    'https://as1.api.voucherify.io',
    'https://shop-1.eu.api.voucherify.io',
  ])('may be %s', url => {
    for (const where of ends) expect(withUrl(url, where)).toEqual([]);
  });

  test.each([
    'http://api.voucherify.io',
    'https://voucherify.io',
    'https://evilapi.voucherify.io',
    'https://api.voucherify.io.evil.example',
    'https://api.voucherify.io@evil.example',
    'https://user@api.voucherify.io',
    'https://api.voucherify.io/',
    'https://api.voucherify.io/v1',
    'https://api.voucherify.io:8443',
    'https://api.voucherify.io\n',
    ' https://api.voucherify.io',
    'https://API.voucherify.io',
    'https://evil.example#.api.voucherify.io',
    'https://evil.example/.api.voucherify.io',
    'https://..api.voucherify.io',
    'http://127.0.0.1',
    'http://127.0.0.1:99999999',
    'http://localhost:3000',
    'http://127.0.0.2:3000',
    'https://127.0.0.1:3000',
    '',
  ])('may not be %j', url => {
    const problem = 'projects.main.baseUrl: must be the https origin of a Voucherify API endpoint';
    for (const where of ends) expect(withUrl(url, where)).toEqual([problem]);
  });

  test('may be on loopback in a local run only', () => {
    expect(withUrl('http://127.0.0.1:3000', 'local')).toEqual([]);
    expect(withUrl('http://127.0.0.1:3000', 'deployed')).toHaveLength(1);
  });
});

describe('an origin of callbacks', () => {
  const withOrigin = (origin: unknown, where: Where) =>
    spoiled(settings => {
      settings['platforms'].ketch.callbackOrigins = ['https://dsr.ketch.com', origin];
    }, where);

  test.each([
    'https://dsr.ketch.com/',
    'https://dsr.ketch.com:443',
    'https://DSR.ketch.com',
    'https://u@dsr.ketch.com',
    'https://dsr.ketch.com:8443',
    'https://93.184.216.34',
    'https://[2606:2800:220:1::1]',
    'http://dsr.ketch.com',
    'ftp://dsr.ketch.com',
    'wss://dsr.ketch.com',
    'http://localhost:3000',
    'dsr.ketch.com',
    'null',
    '',
  ])('may not be %j', origin => {
    const problem = 'platforms.ketch.callbackOrigins.1: must be an origin such as https://host';
    for (const where of ends) expect(withOrigin(origin, where)).toContain(problem);
  });

  test('may be on loopback in a local run only', () => {
    const problem = 'platforms: plain http is for local runs only';
    expect(withOrigin('http://127.0.0.1:3000', 'local')).toEqual([]);
    expect(withOrigin('http://127.0.0.1:3000', 'deployed')).toEqual([problem]);
  });
});

test('no other address of a platform may be on loopback in a deployed stack either', () => {
  const withSombra = (sombraUrl: string, where: Where) =>
    spoiled(settings => {
      settings['platforms'].transcend = { audience: 'acme', sombraUrl, identities: { coreIdentifier: 'source_id' } };
    }, where);
  expect(withSombra('https://multi-tenant.sombra.transcend.io', 'deployed')).toEqual([]);
  expect(withSombra('http://127.0.0.1:3000', 'local')).toEqual([]);
  expect(withSombra('http://127.0.0.1:3000', 'deployed')).toEqual(['platforms: plain http is for local runs only']);
});
