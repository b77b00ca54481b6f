/** A mistake that somebody could make. */
export interface Defect extends Change {
  readonly name: string;
  /** What else has to change for it. */
  readonly also?: Change;
}

interface Change {
  readonly file: string;
  readonly is: string;
  readonly becomes: string;
}

/** Each must be caught: a judge that nothing can fail proves nothing. */
export const defects: readonly Defect[] = [
  {
    name: 'a request is answered although it could not be stored',
    file: 'lambda/request/accept.ts',
    is: 'services.store.accept(receipt, kept)',
    becomes: 'services.store.accept(receipt, kept).catch(() => ({ stored: false, receipt }))',
    also: {
      file: 'lambda/request/receive.ts',
      is: 'if (isFinal(receipt.state) || !receipt.hasCallbacks) return',
      becomes: 'if (isFinal(receipt.state) || receipt.id.length > 0) return',
    },
  },
  {
    name: 'the pins of an earlier attempt are looked up again',
    file: 'lambda/erasure/erase-in-project.ts',
    is: 'if (pins.length > 0) return deletePinned(',
    becomes: 'if (pins.length > 99) return deletePinned(',
  },
  {
    name: 'pins are written again',
    file: 'lambda/receipts/transitions.ts',
    is: "if (progress?.state !== 'open' || progress.pins > 0) return undefined;",
    becomes: "if (progress?.state !== 'open') return undefined;",
  },
  {
    name: 'the created-after guard is dropped',
    file: 'lambda/voucherify/resolve.ts',
    is: 'createdAt(one) <= submittedAt',
    becomes: 'createdAt(one) <= submittedAt + 1e15',
  },
  {
    name: 'a pin is posted to again without another look',
    file: 'lambda/erasure/delete-customers.ts',
    is: "todo.justResolved ? 'not-looked' : await lookAt(pin, todo)",
    becomes: "todo.justResolved ? 'not-looked' : 'not-looked'",
  },
  {
    name: 'a 404 on a pin is not taken for gone',
    file: 'lambda/erasure/delete-customers.ts',
    is: "if (answer.kind !== 'not-found') return answer;",
    becomes:
      "if (answer.kind !== 'not-found') return answer;\n  return { kind: 'retry', code: 'gone', mayHaveExecuted: false, stop: false };",
  },
  {
    name: 'a 404 on a deletion is taken for gone without a look',
    file: 'lambda/erasure/delete-customers.ts',
    is: "if (look === 'shown') return unprovenFailure('deletion-404-still-shown');",
    becomes: "if (look === 'shown') return { kind: 'gone' };",
  },
  {
    name: 'another customer under the pin is taken for gone',
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
    name: 'a short page ends the reading',
    file: 'lambda/voucherify/find-customers.ts',
    is: 'const before = rows.size;',
    becomes: 'if (answer.customers.length < 100) return undefined;\n    const before = rows.size;',
  },
  {
    name: 'any 200 is taken for a proof',
    file: 'lambda/voucherify/responses.ts',
    is: "if (!parsed.success) return unprovenFailure('unproven-deletion');",
    becomes: "if (!parsed.success) return { kind: 'deleted', received: { status: 'DONE', data_json: {} } };",
  },
  {
    name: 'a deletion without an answer is taken for done',
    file: 'lambda/erasure/delete-customers.ts',
    is: 'const answer = parseDeletion(reply, pin.customerId, todo.now());',
    becomes:
      "if (reply.result.kind === 'no-answer') return { kind: 'gone' };\n  const answer = parseDeletion(reply, pin.customerId, todo.now());",
  },
  {
    name: 'the identifiers are deleted after a failed attempt',
    file: 'lambda/erasure/attempt.ts',
    is: 'deletePersonalData: needsNoPersonalData(next), lookUps',
    becomes: 'deletePersonalData: needsNoPersonalData(next) || next.claims > 0, lookUps',
  },
  {
    name: 'a closed receipt may be recorded again',
    file: 'lambda/receipts/record-attempt.ts',
    is: "if (receipt.state !== 'open') return undefined;",
    becomes: '',
  },
  {
    name: 'nobody is found although a pin is stored',
    file: 'lambda/receipts/record-attempt.ts',
    is: "return 'knownPins' in result && progress?.pins !== result.knownPins;",
    becomes: "return 'knownPins' in result && progress === undefined;",
  },
  {
    name: 'closed when one project is done',
    file: 'lambda/receipts/record-attempt.ts',
    is: "if (!states.includes('open')) return",
    becomes: "if (states.some(state => state !== 'open')) return",
  },
  {
    name: 'a claim is never given up',
    file: 'lambda/sweep/process-receipt.ts',
    is: 'now + services.times.claimMs)',
    becomes: 'now + 10 * services.times.claimMs)',
  },
  {
    name: 'the store is written over whatever stands there',
    file: 'infra/local/sqlite-store.ts',
    is: 'WHERE id = ? AND revision = ?',
    becomes: 'WHERE id = ? AND revision <> -1 - ?',
  },
  {
    name: 'a callback is tried once',
    file: 'lambda/receipts/callback-state.ts',
    is: 'if (now < until && !answered) {',
    becomes: 'if (targets < 0) {',
  },
  {
    name: 'a callback is owed only by chance of who closes',
    file: 'lambda/receipts/transitions.ts',
    is: 'receipt.hasCallbacks && (receipt.answeredInProgress || !answered)',
    becomes: 'receipt.hasCallbacks && !answered && !receipt.answeredInProgress',
  },
  {
    name: 'what is closed is not signed',
    file: 'lambda/receipts/transitions.ts',
    is: "'callback' : 'sign'",
    becomes: "'callback' : undefined",
  },
  {
    name: 'what is told is not signed',
    file: 'lambda/receipts/callback-state.ts',
    is: "queue: 'sign'",
    becomes: 'queue: undefined',
  },
  {
    name: 'what waits for its signature keeps the identifiers',
    file: 'lambda/receipts/receipt.ts',
    is: "receipt.queue !== 'callback'",
    becomes: 'receipt.queue === undefined',
  },
  {
    name: 'what a newer version wrote is dropped',
    file: 'lambda/receipts/callback-state.ts',
    is: '    ...before,\n',
    becomes: '',
  },
  {
    name: 'the pace is not waited for',
    file: 'lambda/quota/rate-limit.ts',
    is: 'const at = Math.max(now, ',
    becomes: 'const at = Math.min(now, ',
  },
  {
    name: 'the whole limit is used',
    file: 'lambda/quota/rate-limit.ts',
    is: 'limit * quota.share',
    becomes: 'limit * Math.max(1, quota.share)',
  },
  {
    name: 'each process has its own rate limit',
    file: 'lambda/quota/rate-limiter.ts',
    is: 'const row = sharedRow(',
    becomes: 'const row = sharedRow(String(Math.random()) + ',
  },
  {
    name: 'the hourly intake is not counted',
    file: 'lambda/request/request-limit.ts',
    is: 'return counted > services.settings.limits.requestsPerHour;',
    becomes: 'return counted > 1e9;',
  },
  {
    name: 'a pause does not hold the sweep',
    file: 'lambda/sweep/process-receipt.ts',
    is: 'return paused.size > 0;',
    becomes: 'return paused.size > 99;',
  },
  {
    name: 'look-ups start anew with every attempt',
    file: 'lambda/erasure/erase-in-project.ts',
    is: 'lookUpProgress(kept, ',
    becomes: 'lookUpProgress(undefined, ',
  },
  {
    name: 'look-ups under another app id are used',
    file: 'lambda/voucherify/look-up-progress.ts',
    is: 'const isOther = results.length > 0 && ',
    becomes: 'const isOther = results.length > 1e9 && ',
  },
  {
    name: 'a dead key is probed by everybody',
    file: 'lambda/quota/rate-headers.ts',
    is: 'case 401:\n',
    becomes: 'case 401:\n      return counted;\n    case 499:\n',
  },
  {
    name: 'the unsigned webhook id is the reference of a redaction',
    file: 'lambda/platforms/shopify.ts',
    is: "createHash('sha256').update(request.rawBody)",
    becomes: "createHash('sha256').update(deliveryId ?? request.rawBody)",
  },
];
