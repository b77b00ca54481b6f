"""The ingredients of the protocol, each with the violation that it prevents."""

RECEIPT_FIRST = 'the receipt is stored before the 2xx'
STORED_ONCE = 'a repeated request finds its receipt'
SWEEP = 'a sweep takes up open receipts'
KEPT_ON_ERROR = 'a failed attempt keeps the receipt'
ONE_REVISION = 'every write replaces the revision that was read'
GUARD = 'customers created after the request are left out'
PINS = 'a deletion goes only to a stored pin'
PINNED_ONCE = 'pins are written once'
NO_MATCH_WITHOUT_PINS = 'no match only while no pin is stored'
RESUMABLE = 'look-ups are resumable'
TOO_SMALL = 'a step that no attempt can afford goes to review'
ALL_BEFORE_NO_MATCH = 'no match only after all look-ups'
ALL_BEFORE_PINS = 'pins only after all look-ups'
GONE_ON_404 = 'a confirmed 404 on a pin counts as gone'
CONFIRMED = 'a 404 on a deletion is confirmed by a GET'
LOOK_AGAIN = 'a GET precedes posting again to a pin'
LOOK_FIRST = 'a GET precedes the first post to a pin that an earlier attempt found'
OTHER_ID_PROVES_NOTHING = 'another id under a pin proves nothing'
NO_RESEND = 'a deletion is never resent within an attempt'
REFUSED_STORED = 'refused look-ups are stored with the pins'
REFUSED_REVIEWED = 'refused look-ups need a review'
REFUSED_IS_NO_MATCH = 'no match only if no look-up was refused'
ALL_PINS_KNOWN = 'erased only by an attempt that knew every pin'
ACCEPTED_IF_SETTLED = 'a partial result is accepted only if every pin is gone'
REFUSAL_WAITS = 'a refusal is closed only when no attempt is running'
MARKED_WHEN_CLOSED = 'the write that closes the receipt marks its look-up rows as erased'
ADDENDUM_FIRST = 'the addendum is stored before an event gets its 2xx'
ONLY_AN_ADDENDUM = 'an event deletes nobody'
HOLDS_BEFORE_DELETION = 'legal holds are read before each deletion'
ONLY_404_IS_ABSENT = 'only a 404 verifies an erasure'
RESULT_WITH_PINS = 'the write that stores the verification deletes the pins'
WITHDRAWN_UNPINNED = 'a request is withdrawn only while no pin is stored'
WITHDRAWN_NEVER_PINNED = 'a withdrawn request gets no pins'
WITHDRAWN_REFUSED = 'a withdrawn request is closed as refused'

# What each ingredient protects from: the violation that the check must find without it.
PROTECTS_FROM = {
    RECEIPT_FIRST: 'LOST', STORED_ONCE: 'FLIPPED', SWEEP: 'STUCK', KEPT_ON_ERROR: 'LOST', ONE_REVISION: 'FLIPPED',
    GUARD: 'WRONG', PINS: 'WRONG', PINNED_ONCE: 'FALSE-DONE', NO_MATCH_WITHOUT_PINS: 'NOMATCH-DESTROYED',
    RESUMABLE: 'STUCK', TOO_SMALL: 'STUCK', ALL_BEFORE_NO_MATCH: 'NOMATCH-PRESENT', ALL_BEFORE_PINS: 'FALSE-DONE',
    GONE_ON_404: 'STUCK', CONFIRMED: 'FALSE-DONE', LOOK_AGAIN: 'WRONG', LOOK_FIRST: 'WRONG',
    OTHER_ID_PROVES_NOTHING: 'FALSE-DONE', NO_RESEND: 'WRONG', REFUSAL_WAITS: 'CANCELLED',
    REFUSED_STORED: 'FALSE-DONE', REFUSED_REVIEWED: 'STUCK', REFUSED_IS_NO_MATCH: 'NOMATCH-PRESENT',
    ALL_PINS_KNOWN: 'FALSE-DONE', ACCEPTED_IF_SETTLED: 'FALSE-DONE',
    MARKED_WHEN_CLOSED: 'MISSED', ADDENDUM_FIRST: 'MISSED', ONLY_AN_ADDENDUM: 'WRONG',
    HOLDS_BEFORE_DELETION: 'HELD', ONLY_404_IS_ABSENT: 'FALSE-ABSENT', RESULT_WITH_PINS: 'UNVERIFIED',
    WITHDRAWN_UNPINNED: 'WITHDRAWN', WITHDRAWN_NEVER_PINNED: 'WITHDRAWN', WITHDRAWN_REFUSED: 'WITHDRAWN'}
PROTOCOL = frozenset(PROTECTS_FROM)
# An attempt's calls where they matter: too few for all look-ups, and too few for a GET and a deletion.
CALLS_WITHOUT = {RESUMABLE: 2, TOO_SMALL: 1}
