export type JsonSchema = Readonly<Record<string, unknown>>;

const reference = { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' };
const time = { type: 'string', format: 'date-time' };

/** The schemas of the bodies that this service defines itself (docs/platforms/generic.md). */
export const ownSchemas = {
  Erasure: {
    type: 'object',
    required: ['type', 'request_id', 'identifiers'],
    properties: {
      type: { const: 'erasure' },
      request_id: { ...reference, description: 'The same id is the same request.' },
      identifiers: { type: 'array', items: { $ref: '#/components/schemas/Identifier' } },
      submitted_at: { ...time, description: 'A customer who was created later is never deleted.' },
      due_at: time,
      callback_url: { type: 'string', description: 'Its origin must be in callbackOrigins.' },
      test: { type: 'boolean', description: 'Checked like an erasure, and nothing is stored.' },
    },
  },
  Identifier: {
    type: 'object',
    required: ['type', 'value'],
    properties: { type: { enum: ['customer_id', 'source_id', 'email', 'phone'] }, value: { type: 'string' } },
  },
  Result: {
    type: 'object',
    required: ['status', 'final'],
    properties: {
      request_id: reference,
      receipt_id: { type: 'string' },
      status: {
        enum: [
          ...['erased', 'no_match', 'created_later', 'not_identifiable', 'refused'],
          ...['in_progress', 'needs_review', 'test', 'ignored'],
        ],
      },
      final: { type: 'boolean' },
      deletions: { type: 'array', items: { type: 'object', required: ['project'] } },
      completed_at: time,
    },
    additionalProperties: false,
  },
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: { code: { type: 'string' }, message: { type: 'string' } },
        additionalProperties: false,
      },
    },
    additionalProperties: false,
  },
};

export const erasureBodyRef: JsonSchema = { $ref: '#/components/schemas/Erasure' };
export const resultBodyRef: JsonSchema = { $ref: '#/components/schemas/Result' };
export const errorBodyRef: JsonSchema = { $ref: '#/components/schemas/Error' };
