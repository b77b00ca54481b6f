import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEnvironment } from '../../lambda/io/environment.ts';
import { holds } from '../support/fuzz.ts';

const variables = {
  SETTINGS_JSON: '{"projects":{}}',
  SECRET_ARNS: '{"erasure/pepper":"arn:aws:secretsmanager:eu-west-1:1:secret:p"}',
  RECEIPTS_TABLE: 'receipts',
  IDENTIFIERS_TABLE: 'identifiers',
  METRICS_NAMESPACE: 'erasure',
};

describe('the environment of a function', () => {
  test('is read once, and other variables are no matter', () => {
    expect(parseEnvironment({ ...variables, PATH: '/bin', AWS_REGION: 'eu-west-1' })).toEqual({
      SETTINGS_JSON: '{"projects":{}}',
      SECRET_ARNS: { 'erasure/pepper': 'arn:aws:secretsmanager:eu-west-1:1:secret:p' },
      RECEIPTS_TABLE: 'receipts',
      IDENTIFIERS_TABLE: 'identifiers',
      METRICS_NAMESPACE: 'erasure',
    });
  });

  test.each(Object.keys(variables))('that lacks %s is refused by that name', name => {
    for (const value of [undefined, '']) {
      expect(() => parseEnvironment({ ...variables, [name]: value })).toThrow(
        new Error(`environment: ${name} missing or unreadable`),
      );
    }
  });

  test('tells of everything that is wrong at once', () => {
    expect(() => parseEnvironment({})).toThrow(
      `environment: ${Object.keys(variables).join(', ')} missing or unreadable`,
    );
  });

  test.each(['not JSON', 'null', '{"erasure/pepper":""}', '{"erasure/pepper":1,"b":2}', '"text"'])(
    'with the ARNs %j is refused by the name of the variable, once',
    SECRET_ARNS => {
      expect(() => parseEnvironment({ ...variables, SECRET_ARNS })).toThrow(
        new Error('environment: SECRET_ARNS missing or unreadable'),
      );
    },
  );

  test('never shows a value', () => {
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
