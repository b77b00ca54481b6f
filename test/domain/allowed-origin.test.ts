import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAllowedOrigin } from '../../lambda/domain/allowed-origin.ts';
import { holds } from '../support/fuzz.ts';

const origins = ['https://dsr.ketch.com', 'https://eu.example.com:8443'];

describe('a callback may go', () => {
  test.each([
    'https://dsr.ketch.com',
    'https://dsr.ketch.com/',
    'https://dsr.ketch.com/callback?a=b#c',
    'https://dsr.ketch.com:443/callback',
    'HTTPS://DSR.KETCH.COM/callback',
    'https://dsr.ketch.com/%2e%2e/callback',
    'https://eu.example.com:8443/x',
  ])('to %s', url => {
    expect(isAllowedOrigin(url, origins)).toBe(true);
  });
});

describe('a callback may not go', () => {
  test.each([
    ['over http', 'http://dsr.ketch.com/callback'],
    ['to another port', 'https://dsr.ketch.com:8443/callback'],
    ['without the port that is listed', 'https://eu.example.com/x'],
    ['to a host that begins like it', 'https://dsr.ketch.com.evil.example/callback'],
    ['to a host that ends like it', 'https://evildsr.ketch.com/callback'],
    ['to a subdomain', 'https://a.dsr.ketch.com/callback'],
    ['to the parent domain', 'https://ketch.com/callback'],
    ['with a trailing dot', 'https://dsr.ketch.com./callback'],
    ['with a user', 'https://dsr.ketch.com@evil.example/callback'],
    ['with a user and the right host', 'https://user@dsr.ketch.com/callback'],
    ['with a password and the right host', 'https://:password@dsr.ketch.com/callback'],
    ['to a host behind a backslash', 'https://evil.example\\@dsr.ketch.com/callback'],
    ['to a host before a hash', 'https://evil.example#@dsr.ketch.com/callback'],
    ['to a host before a question mark', 'https://evil.example?@dsr.ketch.com'],
    ['to a look-alike', 'https://dsr.kеtch.com/callback'],
    ['to loopback', 'https://127.0.0.1/callback'],
    ['to loopback as a number', 'https://2130706433/callback'],
    ['to loopback in IPv6', 'https://[::1]/callback'],
    ['to the metadata service', 'http://169.254.169.254/latest/meta-data'],
    ['to a file', 'file:///etc/passwd'],
    ['to data', 'data:text/plain,dsr.ketch.com'],
    ['over a socket', 'wss://dsr.ketch.com/callback'],
    ['to a blob of that origin', 'blob:https://dsr.ketch.com/callback'],
    ['to a path alone', '/callback'],
    ['to a host without a scheme', 'dsr.ketch.com/callback'],
    ['to another scheme relatively', '//dsr.ketch.com/callback'],
    ['to nothing', ''],
    ['to a space', 'https://dsr ketch.com/'],
  ])('%s: %s', (_, url) => {
    expect(isAllowedOrigin(url, origins)).toBe(false);
  });

  test('anywhere, when no origin is listed', () => {
    expect(isAllowedOrigin('https://dsr.ketch.com/callback', [])).toBe(false);
  });

  test('anywhere but where a client would go: what is allowed parses to a listed origin', () => {
    const part = fc.constantFrom(
      'https://',
      'http://',
      'blob:',
      'dsr.ketch.com',
      'evil.example',
      '@',
      ':',
      '443',
      '\\',
      '/',
      '#',
      '?',
      '.',
      '%40',
      '\t',
      ' ',
      '[::1]',
    );
    holds(
      fc.property(fc.array(part, { maxLength: 8 }), services => {
        const url = services.join('');
        const went = URL.parse(url);
        const listed = went !== null && origins.includes(`${went.protocol}//${went.host}`) && went.username === '';
        expect(isAllowedOrigin(url, origins)).toBe(listed && went.password === '');
      }),
    );
  });
});
