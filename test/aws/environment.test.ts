import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEnvironment } from '../../lambda/aws/environment.ts';
import { holds } from '../support/fuzz.ts';

const variables = {
  SETTINGS_JSON: '{"projects":{}}',
  SECRET_ARNS: '{"erasure/pepper":"arn:aws:secretsmanager:eu-west-1:1:secret:p"}',
  RECEIPTS_TABLE: 'receipts',
  IDENTIFIERS_TABLE: 'identifiers',
  METRICS_NAMESPACE: 'erasure',
};

describe('environment of a function', () => {
  test('variables: are read, and others are ignored', () => {
    const SECRET_ARNS = { 'erasure/pepper': 'arn:aws:secretsmanager:eu-west-1:1:secret:p' };
    expect(parseEnvironment({ ...variables, PATH: '/bin' })).toEqual({ ...variables, SECRET_ARNS });
  });

  test.each(Object.keys(variables))('%s: is required', name => {
    for (const value of [undefined, '']) {
      expect(() => parseEnvironment({ ...variables, [name]: value })).toThrow(
        new Error(`environment: ${name} missing or unreadable`),
      );
    }
  });

  test('several problems: are all named', () => {
    expect(() => parseEnvironment({})).toThrow(
      `environment: ${Object.keys(variables).join(', ')} missing or unreadable`,
    );
  });

  test.each(['not JSON', 'null', '{"erasure/pepper":""}', '{"erasure/pepper":1,"b":2}', '"text"'])(
    'SECRET_ARNS %j: is refused by name',
    SECRET_ARNS => {
      expect(() => parseEnvironment({ ...variables, SECRET_ARNS })).toThrow(
        new Error('environment: SECRET_ARNS missing or unreadable'),
      );
    },
  );

  test('any value: is not shown', () => {
    const token = fc.stringMatching(/^[g-z]{12}$/);
    const value = fc.oneof(
      token,
      token.map(text => JSON.stringify({ [text]: [text] })),
    );
    holds(
      fc.property(token, value, (shown, arns) => {
        const parse = () => parseEnvironment({ SECRET_ARNS: `${arns}${shown}`, SETTINGS_JSON: shown });
        expect(parse).toThrow(/^environment: SECRET_ARNS, RECEIPTS_TABLE, .* missing or unreadable$/);
        expect(parse).not.toThrow(shown);
      }),
    );
  });
});
