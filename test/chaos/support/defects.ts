/** A mistake that a developer could make. */
export interface Defect extends Change {
  readonly name: string;
  /** What else has to change for it. */
  readonly also?: Change;
  /** The scenario that must detect it; otherwise any of them. */
  readonly scenario?: string;
  /** The target of `npm run fuzz` that must detect it; otherwise a scenario must. */
  readonly fuzz?: string;
}

interface Change {
  readonly file: string;
  readonly is: string;
  readonly becomes: string;
}

/** Each must be caught: a judge that nothing can fail proves nothing. */
export const defects: readonly Defect[] = [
  {
    name: 'a request is accepted although storing it failed',
    file: 'lambda/request/accept.ts',
    is: 'services.store.accept(receipt, personalData)',
    becomes: 'services.store.accept(receipt, personalData).catch(() => ({ stored: false, receipt }))',
    also: {
      file: 'lambda/request/receive.ts',
      is: 'if (isFinal(receipt.state) || !receipt.hasCallbacks) return',
      becomes: 'if (isFinal(receipt.state) || receipt.id.length > 0) return',
    },
  },
  {
    name: 'the pins of an earlier attempt are looked up again',
    file: 'lambda/erasure/erase-in-project.ts',
    is: 'if (isLookedUp) return deletePinned(',
    becomes: 'if (pins.length > 99) return deletePinned(',
  },
  {
    name: 'pins are written again',
    file: 'lambda/receipts/receipt.ts',
    is: "if (progress?.state !== 'open' || progress.pins !== known) return undefined;",
    becomes: "if (progress?.state !== 'open') return undefined;",
  },
  {
    name: 'the created-after guard is dropped',
    file: 'lambda/voucherify/resolve.ts',
    is: '!(createdAt(one) > submittedAt)',
    becomes: '!(createdAt(one) > submittedAt + 1e15)',
  },
  {
    name: 'a deletion is repeated without another look-up',
    file: 'lambda/erasure/delete-customers.ts',
    is: 'task.justResolved ? undefined : await lookAtPin(pin, task)',
    becomes: 'task.justResolved ? undefined : undefined',
  },
  {
    name: 'a 404 on a pin does not count as gone',
    file: 'lambda/erasure/delete-customers.ts',
    is: "if (result.kind !== 'not-found') return result;",
    becomes:
      "if (result.kind !== 'not-found') return result;\n  return { kind: 'retry', code: 'gone', mayHaveExecuted: false, stop: false };",
  },
  {
    name: 'a 404 on a deletion counts as gone without a look-up',
    file: 'lambda/erasure/delete-customers.ts',
    is: "if (look === 'shown') return unprovenFailure('deletion-404-still-shown');",
    becomes: "if (look === 'shown') return { kind: 'gone' };",
  },
  {
    name: 'a 404 on a deletion of a customer that is still shown is repeated forever',
    file: 'lambda/erasure/delete-customers.ts',
    is: "if (look === 'shown') return unprovenFailure('deletion-404-still-shown');",
    becomes: "if (look === 'shown') return { ...unprovenFailure('deletion-404-still-shown'), unproven: false };",
  },
  {
    name: 'a customer record over 64 KiB is not read',
    file: 'lambda/voucherify/client.ts',
    is: 'repeatable: true, maxResponseBytes: 4_194_304 }',
    becomes: 'repeatable: true }',
  },
  {
    name: 'a record that is too large is read again forever',
    file: 'lambda/voucherify/responses.ts',
    is: "return failure.code === tooLarge ? needsReview('response-too-large') : failure;",
    becomes:
      "return failure.code === tooLarge && failure.kind === 'retry' ? { ...failure, unproven: false } : failure;",
  },
  {
    name: 'records that are too large open the circuit breaker',
    file: 'lambda/voucherify/responses.ts',
    is: 'if (code === tooLarge) return { outcome: undocumented(code), breaker: close, status: 0 };',
    becomes: 'if (code === tooLarge) return { outcome: undocumented(code), breaker: count, status: 0 };',
  },
  {
    name: 'an identity that Voucherify refuses blocks the others',
    file: 'lambda/voucherify/resolve.ts',
    is: "if (kind === 'review' || code === 'unreadable-customer') return { ...refused, refused: code };",
    becomes: "if (kind === 'review' && code.length > 99) return { ...refused, refused: code };",
  },
  {
    name: 'a refused look-up counts as no match',
    file: 'lambda/voucherify/resolve.ts',
    is: "if (results.some(result => result.refused !== undefined)) return { kind: 'refused' };",
    becomes: '',
  },
  {
    name: 'refused look-ups are not stored with the pins',
    file: 'lambda/erasure/erase-in-project.ts',
    is: 'const refused = refusedCodes(lookUps);',
    becomes: 'const refused = refusedCodes(lookUps).slice(99);',
  },
  {
    name: 'refused look-ups are not repeated after a retry',
    file: 'lambda/receipts/transitions.ts',
    is: 'progress, lookUpAgain: true }',
    becomes: 'progress, lookUpAgain: false }',
  },
  {
    name: 'a partial result is accepted before every pin is settled',
    file: 'lambda/receipts/transitions.ts',
    is: 'const isLeft = settled.size < pins || lookUpAgain;',
    becomes: 'const isLeft = settled.size > 99 || lookUpAgain;',
  },
  {
    name: 'another customer with the pin as source_id counts as gone',
    file: 'lambda/erasure/delete-customers.ts',
    is: "if (typeof look === 'object') return { ...look, mayHaveExecuted: false };",
    becomes:
      "if (typeof look === 'object') return look.code === 'pin-shadowed' ? { kind: 'gone' } : { ...look, mayHaveExecuted: false };",
  },
  {
    name: 'a deletion is sent again after a reset',
    file: 'lambda/voucherify/client.ts',
    is: 'url: deletionUrl(baseUrl, id), until }',
    becomes: 'url: deletionUrl(baseUrl, id), until, repeatable: true }',
  },
  {
    name: 'a short page ends a list',
    file: 'lambda/voucherify/resolve.ts',
    is: 'const before = rows.size;',
    becomes:
      "if (result.customers.length < 100) return { kind: 'complete', candidates: [...candidates.values()], identifiable: true, appIds };\n    const before = rows.size;",
  },
  {
    name: 'any 200 counts as proof',
    file: 'lambda/voucherify/responses.ts',
    is: "if (!parsed.success) return unprovenFailure('unproven-deletion');",
    becomes: "if (!parsed.success) return { kind: 'deleted', received: { status: 'DONE', data_json: {} } };",
  },
  {
    name: 'a deletion without a response counts as done',
    file: 'lambda/erasure/delete-customers.ts',
    is: 'const { result } = response;',
    becomes:
      "const { result } = response;\n  if (result.kind === 'retry' && result.mayHaveExecuted) return { kind: 'gone' };",
  },
  {
    name: 'the identifiers are deleted after a failed attempt',
    file: 'lambda/erasure/attempt.ts',
    is: '...deleteUnneeded(next, work.personalData), lookUps',
    becomes: 'deletePersonalData: next.claims > 0, lookUps',
  },
  {
    name: 'a closed receipt may be recorded again',
    file: 'lambda/receipts/record-attempt.ts',
    is: "if (receipt.state !== 'open') return undefined;",
    becomes: '',
  },
  {
    name: 'no-match although a pin is stored',
    file: 'lambda/receipts/record-attempt.ts',
    is: "return 'knownPins' in result && progress?.pins !== result.knownPins;",
    becomes: "return 'knownPins' in result && progress === undefined;",
  },
  {
    name: 'a receipt is closed when one project is done',
    file: 'lambda/receipts/record-attempt.ts',
    is: "if (!states.includes('open')) return",
    becomes: "if (states.some(state => state !== 'open')) return",
  },
  {
    name: 'a claim lasts too long',
    file: 'lambda/sweep/process-receipt.ts',
    is: 'now + services.times.claimMs)',
    becomes: 'now + 10 * services.times.claimMs)',
  },
  {
    name: 'a write ignores the stored revision',
    file: 'infra/local/sqlite-store.ts',
    is: 'next_attempt_at = ?, row = ? WHERE id = ? AND revision = ?',
    becomes: 'next_attempt_at = ?, row = ? WHERE id = ? AND revision <> -1 - ?',
  },
  {
    name: 'a callback is attempted only once',
    file: 'lambda/receipts/closing.ts',
    is: 'if (now < until && !isDone) {',
    becomes: 'if (targets < 0) {',
  },
  {
    name: 'a callback depends on which worker closes the receipt',
    file: 'lambda/receipts/closing.ts',
    is: 'receipt.hasCallbacks && (receipt.repliedInProgress || !replied)',
    becomes: 'receipt.hasCallbacks && !replied && !receipt.repliedInProgress',
  },
  {
    name: 'a closed receipt is not signed',
    file: 'lambda/receipts/closing.ts',
    is: "return { queue: 'sign', nextAttemptAt: now };",
    becomes: 'return {};',
  },
  {
    name: 'a receipt is not signed after its callbacks',
    file: 'lambda/receipts/closing.ts',
    is: '...queueAfterCallbacks(receipt, now) });',
    becomes: 'queue: undefined });',
  },
  {
    name: 'the verification is skipped',
    file: 'lambda/receipts/closing.ts',
    is: 'return deletedAt(receipt) !== undefined &&',
    becomes: 'return deletedAt(receipt) === 0 &&',
  },
  {
    name: 'any answer but the customer verifies a deletion',
    file: 'lambda/sweep/verify-erasure.ts',
    is: "if (look === 'absent') absent",
    becomes: "if (look !== 'shown') absent",
  },
  {
    name: 'identifiers are kept until the signature',
    file: 'lambda/receipts/closing.ts',
    is: "return isFinal(receipt.state) && receipt.queue !== 'callback'",
    becomes: 'return isFinal(receipt.state) && receipt.queue === undefined',
  },
  {
    name: 'fields of a newer version are dropped',
    scenario: 'versions',
    file: 'lambda/receipts/closing.ts',
    is: '    ...before,\n',
    becomes: '',
  },
  {
    name: 'calls do not wait for the rate limit',
    file: 'lambda/quota/rate-limit.ts',
    is: 'const at = Math.max(now, ',
    becomes: 'const at = Math.min(now, ',
  },
  {
    name: 'the quota share is ignored',
    file: 'lambda/quota/rate-limit.ts',
    is: 'limit * quota.share',
    becomes: 'limit * Math.max(1, quota.share)',
  },
  {
    name: 'each process has its own rate limit',
    file: 'lambda/quota/rate-limiter.ts',
    is: 'const row = openSharedRow(',
    becomes: 'const row = openSharedRow(String(Math.random()) + ',
  },
  {
    name: 'the hourly request limit is not counted',
    scenario: 'flood',
    file: 'lambda/request/accept.ts',
    is: 'if (count <= services.settings.limits.requestsPerHour) return true;',
    becomes: 'if (count <= 1e9) return true;',
  },
  {
    name: 'the sweep ignores a pause',
    file: 'lambda/sweep/process-receipt.ts',
    is: 'if (pauses.size > 0) return',
    becomes: 'if (pauses.size > 99) return',
    also: {
      file: 'lambda/sweep/backlog.ts',
      is: '.some(scope => paused.has(scope));',
      becomes: '.some(scope => paused.has(scope) && paused.size > 99);',
    },
  },
  {
    name: 'look-ups start again with every attempt',
    scenario: 'small-quota',
    file: 'lambda/erasure/erase-in-project.ts',
    is: 'lookUps: stored,',
    becomes: 'lookUps: undefined,',
  },
  {
    name: 'look-ups of another app id are used',
    file: 'lambda/voucherify/resolve.ts',
    is: 'const isOtherApp = lookUps.results.length > 0 && ',
    becomes: 'const isOtherApp = lookUps.results.length > 1e9 && ',
  },
  {
    name: 'every request probes a rejected key',
    scenario: 'keys',
    file: 'lambda/voucherify/responses.ts',
    is: "breaker: { kind: 'open', code: 'key-refused',",
    becomes: "breaker: status === 401 ? close : { kind: 'open', code: 'key-refused',",
  },
  {
    name: 'the unsigned webhook id is the reference of a redaction',
    scenario: 'replays',
    file: 'lambda/platforms/shopify.ts',
    is: "createHash('sha256').update(request.rawBody)",
    becomes: "createHash('sha256').update(deliveryId ?? request.rawBody)",
  },
  {
    name: 'legal holds are read only before the pins',
    scenario: 'holds',
    file: 'lambda/erasure/delete-customers.ts',
    is: 'if (held !== undefined) return held;',
    becomes: 'if (held?.code === undefined) { /* deletes all the same */ }',
  },
  {
    name: 'a legal hold is found only by the identifiers of the request',
    scenario: 'holds',
    file: 'lambda/erasure/erase-in-project.ts',
    is: '[...requested, ...customers.flatMap(idsOf)]',
    becomes: '[...requested, ...customers.flatMap(() => [])]',
  },
  {
    name: 'customers are pinned although the request is withdrawn',
    scenario: 'withdrawals',
    file: 'lambda/receipts/receipt.ts',
    is: 'receipt.claims === claim && !isClosingDecided(receipt);',
    becomes: 'receipt.claims === claim;',
  },
  {
    name: 'a request is withdrawn after a customer is pinned',
    scenario: 'withdrawals',
    file: 'lambda/receipts/transitions.ts',
    is: '({ pins }) => pins > 0',
    becomes: '({ pins }) => pins > 100',
  },
  {
    name: 'an event gets its reply before its addendum is stored',
    scenario: 'reappearances',
    file: 'lambda/reappearance/receive-event.ts',
    is: 'await store.addAddendum(addendumOf(event, { project, receivedAt, erased, kinds, hmacs }));',
    becomes:
      'void store.addAddendum(addendumOf(event, { project, receivedAt, erased, kinds, hmacs })).catch(() => undefined);',
  },
  {
    name: 'an event before the erasure is a reappearance',
    scenario: 'reappearances',
    file: 'lambda/reappearance/receive-event.ts',
    is: "erasedAt < occurredAt && (kind === 'customer_id' || erasedAt < createdAt)",
    becomes: 'erasedAt > 0',
  },
  {
    name: 'an event is taken while the receipt is being closed',
    scenario: 'reappearances',
    file: 'lambda/reappearance/receive-event.ts',
    is: 'if (isRecent && found',
    becomes: 'if (closingMs < 0 && found',
  },
  {
    name: 'a customer who is still present raises no alarm',
    scenario: 'verifications',
    file: 'lambda/sweep/verify-erasure.ts',
    is: "if (result === 'stillPresent') log(",
    becomes: "if (result === 'unavailable') log(",
  },
  {
    name: 'a verification waits for callbacks that fail',
    scenario: 'verifications',
    file: 'lambda/sweep/deliver-callbacks.ts',
    is: "return isVerificationDue(due, services.now()) ? 'verify' : 'nothing';",
    becomes: "return 'nothing';",
    also: {
      file: 'lambda/receipts/closing.ts',
      is: 'nextLook(receipt) ?? Number.POSITIVE_INFINITY);\n}',
      becomes: 'Number.POSITIVE_INFINITY);\n}',
    },
  },
  {
    name: 'only the identifiers of the request are compared with events',
    scenario: 'reappearances',
    file: 'lambda/receipts/receipt.ts',
    is: '[...subjectHmacs, ...resolvedHmacs])]',
    becomes: '[...subjectHmacs, ...resolvedHmacs.slice(resolvedHmacs.length)])]',
  },
  {
    name: 'a list without a total counts as 0',
    scenario: 'residues',
    file: 'lambda/voucherify/counts.ts',
    is: "if (!parsed.success) return 'no-total';",
    becomes: 'if (!parsed.success) return 0;',
  },
  {
    name: 'counts delay a backlog of erasures',
    scenario: 'residues',
    file: 'lambda/erasure/erase-in-project.ts',
    is: "isBacklog ? 'erasures-wait' : undefined",
    becomes: 'isBacklog ? undefined : undefined',
  },
  {
    name: 'counts take the calls that erasures need',
    scenario: 'residues',
    file: 'lambda/quota/rate-limit.ts',
    is: 'const keptCalls = 2;',
    becomes: 'const keptCalls = -20;',
    also: {
      file: 'lambda/quota/rate-limit.ts',
      is: 'const mostSpareMs = 10_000;',
      becomes: 'const mostSpareMs = 1e9;',
    },
  },
  {
    name: 'a closed receipt is counted and changed again',
    scenario: 'residues',
    file: 'lambda/receipts/transitions.ts',
    is: 'residue: { ...progress.residue, after, at }',
    becomes: 'residue: { before: after, after, at }',
  },
  {
    name: 'a queue that cannot be read ends the sweep',
    scenario: 'throttled-aws',
    file: 'lambda/sweep/backlog.ts',
    is: '    counts.failed += 1;\n',
    becomes: '    if (counts.failed >= 0) throw error;\n',
  },
  {
    name: 'the first failed signature raises an alarm',
    scenario: 'throttled-aws',
    file: 'lambda/sweep/sign-evidence.ts',
    is: "receipt: receipt.id, code: 'signing-failed' }",
    becomes: "receipt: receipt.id, code: 'signing-failed', alarm: 'evidence-unsigned' }",
  },
  {
    name: 'a request time before 2015 hides every customer',
    file: 'lambda/request/accept.ts',
    is: 'submittedAt < earliestRequest ?',
    becomes: 'submittedAt === 0 ?',
    fuzz: 'events',
  },
  {
    name: 'a callback whose secret is unusable is tried forever',
    file: 'lambda/sweep/deliver-callbacks.ts',
    is: '    return none;\n  }\n}',
    becomes: '    throw error;\n  }\n}',
    fuzz: 'later',
  },
  {
    name: 'the times of a fast clock are believed',
    file: 'lambda/quota/rate-limit.ts',
    is: 'at <= now + waitMs + lookAheadMs',
    becomes: 'at <= now + waitMs + 1e15',
    fuzz: 'later',
  },
  {
    name: 'a request has any number of callbacks',
    file: 'lambda/request/accept.ts',
    is: 'allowed.slice(0, maxCallbacks)',
    becomes: 'allowed',
    fuzz: 'later',
  },
  {
    name: 'a duplicate key is read as proof',
    file: 'lambda/voucherify/responses.ts',
    is: 'const json = parseStrictJsonText(result.body);',
    becomes:
      'const json = (() => { try { return JSON.parse(result.body); } catch { return parseStrictJsonText(result.body); } })();',
    fuzz: 'voucherify',
  },
];
