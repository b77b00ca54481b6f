"""What the model knows at one moment: the customers, the receipt and the attempts."""
from typing import NamedTuple

# Customers. A customer of the person is present, hidden from look-ups, or gone.
A, B, NEW = 0, 1, 2
GONE, HIDDEN, PRESENT = 0, 1, 2
# The customer who registers after the request: with the person's identifiers, or with A's id as source_id.
NOBODY, SAME_IDENTIFIERS, SHADOW = 0, 1, 2
# States of the receipt.
NONE, OPEN, REVIEW, ERASED, NO_MATCH, REFUSED, NOT_IDENTIFIABLE = range(7)
FINAL = (ERASED, NO_MATCH, REFUSED, NOT_IDENTIFIABLE)
# The event about a customer who registers after the erasure: Voucherify sends it until it gets a 2xx.
NO_EVENT, SENT, MATCHED, TAKEN = range(4)
# The verification of an erasure: whether Voucherify still shows the deleted customer, and what the sweep has seen and stored.
UNVERIFIED, SHOWN, SETTLED, LOOKED, ABSENT, STILL_PRESENT = range(6)
# Who has decided to refuse the request.
BY_NOBODY, BY_OPERATOR, BY_PLATFORM = range(3)
# The next step of an attempt.
LOOK_UP, STORE, CONCLUDE, POST_BY_IDENTIFIER, GET, POST, POST_AGAIN, CONFIRM, RECORD = range(9)
# Results of a look-up are sets of customers, as bits.
UNKNOWN = -1
REJECTED = -2    # Voucherify refused the look-up
# Answers to a GET of a pin.
NOT_ASKED, OWN_ID, OTHER_ID, NOT_FOUND = range(4)

UNLIMITED = -1
# Look-up 1 is one call (by source_id); look-up 2 takes two (an e-mail address in two spellings).
LOOK_UP_CALLS = (1, 2)


class Attempt(NamedTuple):
    """A running attempt: what it read when it claimed the receipt, and what it has found out since."""
    step: int
    results: tuple = (UNKNOWN, UNKNOWN)
    looked_up: tuple = (False, False)   # which results are this attempt's own
    pins: tuple = ()
    index: int = 0                      # the pin it works on
    resumed: bool = False               # an earlier attempt may have posted to the pins
    fresh: int = 0                      # pins, as bits, that this attempt's own look-ups found
    gone: int = 0                       # pins, as bits, that are proved to be gone
    seen: int = NOT_ASKED               # the answer to this attempt's GET of the current pin
    review: bool = False
    calls: int = UNLIMITED              # calls that are left


class State(NamedTuple):
    customers: tuple = (PRESENT, PRESENT)
    newcomer: int = NOBODY
    accepted: bool = False
    receipt: int = NONE
    results: tuple = (UNKNOWN, UNKNOWN)
    pins: tuple = ()
    done: int = 0
    refusal: int = BY_NOBODY            # who has decided to refuse it: an operator, or the platform that withdraws it
    partial: bool = False               # an operator has accepted the partial result
    again: bool = False                 # an operator has decided to repeat the refused look-up
    deleted: bool = False               # this service has deleted somebody
    due: bool = False                   # the request that stored the receipt attempts it
    event: int = NO_EVENT
    verification: int = UNVERIFIED
    hold: bool = False                  # a legal hold of the person is in effect
    marked: bool = False                # a write after the closing has marked the look-up rows as erased
    attempts: tuple = (None, None)      # sorted: two attempts are alike
    violation: str = ''


def with_item(items, index, item):
    return items[:index] + (item,) + items[index + 1:]


def in_order(attempt):
    return () if attempt is None else attempt


def names(pins):
    return '+'.join('ABN'[who] for who in pins)


def affords(at, calls):
    return at.calls == UNLIMITED or at.calls >= calls


def left(at, calls):
    return at.calls if at.calls == UNLIMITED else at.calls - calls


def record(at):
    """What recording needs, and nothing else: attempts that differ only in their past are one."""
    return Attempt(RECORD, pins=at.pins, gone=at.gone, review=at.review)


def has_news(s, at):
    return bool(at.gone & ~s.done) or at.review


def is_rejected(s):
    """Whether the stored look-ups have a refused one."""
    return REJECTED in s.results


def is_settled(s):
    return is_rejected(s) and not s.again and s.done == (1 << len(s.pins)) - 1


def closed(state):
    # Holds are set only before the closing: afterwards CANCELLED and FLIPPED cover a late attempt.
    return dict(receipt=state, results=(UNKNOWN, UNKNOWN), pins=(), done=0, refusal=BY_NOBODY, partial=False,
                again=False, hold=False, verification=SHOWN if state == ERASED else UNVERIFIED)


def target_of(s, who):
    """The customer that Voucherify finds under a customer's id: the path takes a source_id as well."""
    if who == A and s.newcomer == SHADOW:
        return NEW
    if who == NEW:
        return NEW if s.newcomer == SAME_IDENTIFIERS else None
    return who if s.customers[who] != GONE else None


def has_fresh_look(at):
    """Whether this attempt may still post to A on a look that it has had already: the seconds nobody can close."""
    if at.step in (LOOK_UP, STORE, CONCLUDE):
        return any(mine and result > 0 and result >> A & 1 for result, mine in zip(at.results, at.looked_up))
    if A not in at.pins or at.step == RECORD:
        return False
    index = at.pins.index(A)
    if at.index < index:
        return bool(at.fresh >> index & 1)
    return at.index == index and at.step == POST and (at.seen != NOT_ASKED or bool(at.fresh >> index & 1))
