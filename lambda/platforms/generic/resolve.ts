import * as v from 'valibot';
import { type GenericSettings, genericSchema, type Proof } from './schema.ts';
import { variablesIn } from './template.ts';

/** Our own body, as settings map it. */
const own = v.parse(v.required(genericSchema, ['rules', 'reference', 'identifiers']), {
  rules: [{ when: { '/type': 'erasure' }, do: 'erase' }],
  reference: '/request_id',
  identifiers: {
    list: '/identifiers',
    type: '/type',
    value: '/value',
    kinds: { customer_id: 'customer_id', source_id: 'source_id', email: 'email', phone: 'phone' },
  },
  submittedAt: '/submitted_at',
  dueAt: '/due_at',
  test: '/test',
  callback: { urls: '/callback_url', sign: 'standard-webhooks' },
});

export type ResolvedSettings = ReturnType<typeof resolveSettings>;

/** Adds the places of our own body. Its optional fields are read only if the section maps no place itself. */
export function resolveSettings(settings: GenericSettings) {
  const { rules, each, reference, identifiers, submittedAt, dueAt, test, authentication: proofs = [], pull } = settings;
  const mapped = [rules, each, reference, identifiers, submittedAt, dueAt, test];
  const isPullOnly = settings.authentication === undefined;
  const optional = mapped.every(one => one === undefined) ? own : settings;
  return {
    ...settings,
    proofs,
    isPullOnly,
    hasStatusRoute: proofs.every(proof => proof.kind !== 'hmac' || signsAll(proof, ['url'])),
    hasWithdrawalRoute: hasWithdrawalRoute(settings),
    hasUselessReplies: isPullOnly && [each, settings.answers, settings.statusAnswers].some(one => one !== undefined),
    hasOwnIdentifiers: identifiers === undefined,
    each: isPullOnly ? pull?.list : each,
    rules: rules ?? own.rules,
    reference: reference ?? own.reference,
    identifiers: identifiers ?? own.identifiers,
    submittedAt: optional.submittedAt,
    dueAt: optional.dueAt,
    test: optional.test,
    callback: settings.callback ?? optional.callback,
  };
}

/**
 * Withdrawals have replies, and their authentication covers method and URL or is itself the secret. Otherwise a status
 * request that another person has seen could be sent again as a withdrawal.
 */
function hasWithdrawalRoute({ withdrawAnswers, authentication: proofs = [] }: GenericSettings): boolean {
  const covers = (proof: Proof) =>
    proof.kind === 'hmac' ? signsAll(proof, ['method', 'url']) : proof.kind !== 'standard-webhooks';
  return withdrawAnswers !== undefined && proofs.length > 0 && proofs.every(covers);
}

function signsAll({ signs }: { readonly signs: string }, names: readonly string[]): boolean {
  const signed = variablesIn(signs);
  return names.every(name => signed.includes(name));
}
