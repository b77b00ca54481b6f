"""The steps of the protocol and of the world outside."""
from ingredients import *
from states import *

REFUSES_OPEN = 'an operator refuses an open request'
SETS_HOLD = 'a legal hold is set'
WITHDRAWS = 'the platform withdraws the request'
GET_ANSWERS = {OWN_ID: 'its own id', OTHER_ID: 'another id', NOT_FOUND: '404'}


class Model:
    """The protocol with some ingredients, a number of attempts at once, and a number of calls for each."""

    def __init__(self, ingredients, at_once, calls):
        self.has = {one: one in ingredients for one in PROTOCOL}
        self.at_once = at_once
        self.calls = calls

    def start(self):
        return State(attempts=(None,) * self.at_once)

    def steps(self, s):
        """All that can happen next, as pairs of a name and a state."""
        out = []
        self.outside(s, out)
        self.accept(s, out)
        self.operator(s, out)
        self.legal_hold(s, out)
        self.withdrawal(s, out)
        self.verification(s, out)
        self.reappearance(s, out)
        for place, attempt in enumerate(s.attempts):
            if place and attempt == s.attempts[place - 1]:
                continue
            def put(name, next_attempt, place=place, **change):
                attempts = list(s.attempts)
                attempts[place] = next_attempt
                attempts.sort(key=in_order)
                out.append((name, s._replace(attempts=tuple(attempts), **change)))
            if attempt is None:
                self.claim(s, put)
            else:
                self.go_on(s, attempt, put)
        return out

    # ---- the outside

    def outside(self, s, out):
        for who, label in ((A, 'A'), (B, 'B')):
            if s.customers[who] != GONE:
                out.append((f'{label} is deleted elsewhere', s._replace(customers=with_item(s.customers, who, GONE))))
            if s.customers[who] == PRESENT:
                hidden = with_item(s.customers, who, HIDDEN)
                out.append((f'{label} is changed so that no look-up finds it', s._replace(customers=hidden)))
        if s.newcomer == NOBODY:
            event = SENT if s.receipt == ERASED else NO_EVENT
            registered = s._replace(newcomer=SAME_IDENTIFIERS, event=event)
            out.append(('somebody registers with the same identifiers', registered))
            if self.may_be_shadowed(s):
                out.append(('somebody registers with the id of A as source_id', s._replace(newcomer=SHADOW)))

    def may_be_shadowed(self, s):
        """Assumed: the id of A becomes somebody's source_id only once A is pinned or gone, and not within the seconds
        between an attempt's look at A and its deletion of A."""
        taken = s.customers[A] == GONE or A in s.pins
        return taken and not any(attempt and has_fresh_look(attempt) for attempt in s.attempts)

    def legal_hold(self, s, out):
        """An operator may set holds at any time before the receipt is closed. Each ends at any time."""
        if s.hold:
            out.append(('the legal hold ends', s._replace(hold=False)))
            if s.receipt == REVIEW:
                out.append(('the hold ends, and the sweep continues', s._replace(receipt=OPEN, hold=False)))
        elif s.accepted and s.receipt not in FINAL:
            out.append((SETS_HOLD, s._replace(hold=True)))

    def accept(self, s, out):
        """The platform sends the request until it gets a 2xx. A stored receipt counts as accepted from then on."""
        if s.receipt != NONE:
            if not self.has[STORED_ONCE]:
                violation = 'FLIPPED' if s.receipt in FINAL else ''
                out.append(('the request comes again', s._replace(**closed(OPEN), violation=violation)))
        elif not s.accepted:
            stored = s._replace(accepted=True, receipt=OPEN, due=not self.has[SWEEP])
            out.append(('the receipt is stored', stored))
            if not self.has[RECEIPT_FIRST]:
                out.append(('the 2xx is sent, then a crash', s._replace(accepted=True, violation='LOST')))

    def operator(self, s, out):
        if s.receipt == REVIEW:
            out.append(('an operator retries', s._replace(receipt=OPEN, again=is_rejected(s))))
            if is_settled(s) or is_rejected(s) and not self.has[ACCEPTED_IF_SETTLED]:
                out.append(('an operator accepts the partial result', s._replace(receipt=OPEN, partial=True)))
            out.append(('an operator refuses after a review', s._replace(receipt=OPEN, refusal=BY_OPERATOR)))
        if s.receipt == OPEN and not s.refusal:
            out.append((REFUSES_OPEN, s._replace(refusal=BY_OPERATOR, partial=False)))
        if s.receipt == OPEN and s.partial:
            out.append(('an operator withdraws the acceptance', s._replace(partial=False, again=is_rejected(s))))
            left_over = any(s.customers[who] != GONE for who in s.pins if who != NEW)
            change = closed(ERASED if s.done else NOT_IDENTIFIABLE)
            violation = 'FALSE-DONE' if left_over else ''
            out.append(('the sweep closes it as accepted', s._replace(**change, violation=violation)))
        # Without pins, a running attempt cannot delete anybody, so a withdrawal need not wait for it.
        waits = self.has[REFUSAL_WAITS] and any(s.attempts) and s.refusal == BY_OPERATOR
        if s.receipt == OPEN and s.refusal and not waits:
            out.append(('the sweep closes it as refused', s._replace(**closed(REFUSED))))

    # ---- a withdrawal, and the verification

    def withdrawal(self, s, out):
        """The platform is told at once that the request is withdrawn: nobody may have been deleted, or ever be."""
        if s.receipt not in (OPEN, REVIEW) or s.refusal == BY_PLATFORM:
            return
        if not s.pins or not self.has[WITHDRAWN_UNPINNED]:
            violation = 'WITHDRAWN' if s.deleted else ''
            withdrawn = s._replace(receipt=OPEN, refusal=BY_PLATFORM, partial=False, again=False, violation=violation)
            out.append((WITHDRAWS, withdrawn))

    def verification(self, s, out):
        """After the deletion, Voucherify shows the customer for some time. The sweep looks until it sees a 404 or gives up."""
        if s.verification == SHOWN:
            out.append(('Voucherify no longer shows the customer', s._replace(verification=SETTLED)))
            out.append(('a look after an hour: still present', s._replace(verification=STILL_PRESENT)))
            if not self.has[ONLY_404_IS_ABSENT]:
                out.append(('a failed look is stored as absent', s._replace(verification=ABSENT, violation='FALSE-ABSENT')))
        if s.verification == SETTLED:
            out.append(('a look: 404', s._replace(verification=LOOKED)))
        if s.verification == LOOKED:
            out.append(('absent is stored', s._replace(verification=ABSENT)))
            out.append(('a crash: the next sweep looks again', s._replace(verification=SETTLED)))
            if not self.has[RESULT_WITH_PINS]:
                out.append(('the pins are deleted, then a crash', s._replace(violation='UNVERIFIED')))

    # ---- an event about a customer who registers after the erasure

    def reappearance(self, s, out):
        """The handler reads the look-up rows only. A crash or a lost 2xx makes Voucherify send the event again."""
        if s.receipt == ERASED and not s.marked and not self.has[MARKED_WHEN_CLOSED]:
            out.append(('the look-up rows are marked', s._replace(marked=True)))
        if s.event == SENT:
            if s.marked or self.has[MARKED_WHEN_CLOSED]:
                out.append(('the event matches', s._replace(event=MATCHED)))
            else:
                out.append(('the event matches nobody and gets a 2xx', s._replace(event=TAKEN, violation='MISSED')))
        if s.event == MATCHED:
            out.append(('a crash: the event comes again', s._replace(event=SENT)))
            out.append(('the addendum is stored, then the 2xx is sent', s._replace(event=TAKEN)))
            if not self.has[ADDENDUM_FIRST]:
                out.append(('the 2xx is sent, then a crash', s._replace(event=TAKEN, violation='MISSED')))
            if not self.has[ONLY_AN_ADDENDUM]:
                out.append(('the event deletes the customer', s._replace(**self.delete(s, NEW))))

    # ---- an attempt

    def claim(self, s, put):
        """A claim reads the row. It excludes nobody: any number of attempts may follow, at any time."""
        if s.receipt != OPEN or s.refusal or s.partial or not (self.has[SWEEP] or s.due):
            return
        if s.again:
            results = tuple(UNKNOWN if stored == REJECTED else stored for stored in s.results)
            put('a claim that repeats the refused look-up', Attempt(LOOK_UP, results=results, pins=s.pins,
                resumed=True, gone=s.done, calls=self.calls), due=False)
        elif s.pins or is_rejected(s):
            put('a claim, with stored pins', self.next_pin(Attempt(GET, pins=s.pins, resumed=True, gone=s.done,
                                                                calls=self.calls)), due=False)
        else:
            results = s.results if self.has[RESUMABLE] else (UNKNOWN, UNKNOWN)
            step = LOOK_UP if UNKNOWN in results else CONCLUDE
            put('a claim', Attempt(step, results=results, calls=self.calls), due=False)

    def go_on(self, s, at, put):
        if self.has[KEPT_ON_ERROR]:
            put('a crash, or the end of time or quota', None)
        else:
            put('a failure: the receipt is removed', None, **closed(NONE), violation='LOST')
        if at.step != RECORD and has_news(s, at):
            put('the end of time or quota, with something to record', record(at))
        STEPS[at.step](self, s, at, put)

    def look_up(self, s, at, put):
        number = at.results.index(UNKNOWN)
        if not affords(at, LOOK_UP_CALLS[number]):
            return self.no_quota(s, at, put)
        found = 0
        if s.customers[number] == PRESENT:
            found |= 1 << number
        if s.newcomer == SAME_IDENTIFIERS:
            found |= 1 << NEW
        results = with_item(at.results, number, found)
        looked_up = with_item(at.looked_up, number, True)
        at = at._replace(results=results, looked_up=looked_up, calls=left(at, LOOK_UP_CALLS[number]))
        put(f'look-up {number + 1}', at._replace(step=self.after_look_up(at)))
        if number == 1:
            at = at._replace(results=with_item(results, number, REJECTED))
            put('look-up 2 is refused', at._replace(step=self.after_look_up(at)))

    def after_look_up(self, at):
        if UNKNOWN not in at.results:
            return CONCLUDE
        found = self.candidates(at) != 0
        if not self.has[ALL_BEFORE_PINS] and found or not self.has[ALL_BEFORE_NO_MATCH] and not found:
            return CONCLUDE
        return STORE if self.has[RESUMABLE] else LOOK_UP

    def candidates(self, at):
        found = 0
        for result in at.results:
            if result not in (UNKNOWN, REJECTED):
                found |= result
        return found & ~(1 << NEW) if self.has[GUARD] else found

    def store(self, s, at, put):
        """Keeps what one look-up found, unless the receipt is closed or has pins by now."""
        if self.may_write(s) and not is_rejected(s) and (not s.pins or not self.has[ONE_REVISION]):
            results = tuple(own if mine else stored
                            for own, mine, stored in zip(at.results, at.looked_up, s.results))
            change = self.written(s, receipt=OPEN, results=results)
            put('the result of the look-up is stored', at._replace(step=LOOK_UP), **change)
        else:
            put('the result of the look-up is not stored: closed or pinned', None)

    def conclude(self, s, at, put):
        found = self.candidates(at)
        rejected = REJECTED in at.results
        if found == 0 and not at.pins and not (rejected and self.has[REFUSED_IS_NO_MATCH]):
            return self.conclude_no_match(s, put)
        if not self.has[PINS]:
            return put('the customer is known', at._replace(step=POST_BY_IDENTIFIER))
        overtaken = s.pins != at.pins or (s.pins or is_rejected(s)) and not s.again
        decided = s.partial or s.refusal == BY_OPERATOR or s.refusal and self.has[WITHDRAWN_NEVER_PINNED]
        if not self.may_write(s) or decided or overtaken and self.has[PINNED_ONCE]:
            return put('pins are not written: closed, decided or pinned', None)
        if s.hold:
            return put('a legal hold: review, without pins', None, **self.written(s, receipt=REVIEW))
        pins = at.pins + tuple(who for who in (A, B, NEW) if found >> who & 1 and who not in at.pins)
        own = 0
        for result, mine in zip(at.results, at.looked_up):
            if mine and result != REJECTED:
                own |= result
        fresh = 0 if at.resumed else sum(1 << index for index, who in enumerate(pins) if own >> who & 1)
        results = (UNKNOWN, UNKNOWN)
        if rejected and self.has[REFUSED_STORED]:
            results = tuple(result if result == REJECTED else 0 for result in at.results)
        # The receipt records pins by their number: pins that are replaced keep what was recorded of the others.
        change = self.written(s, receipt=OPEN, pins=pins, results=results, again=False)
        deleting = Attempt(GET, pins=pins, resumed=at.resumed, gone=at.gone, fresh=fresh, calls=at.calls)
        put(f'pins {names(pins)} are written', self.next_pin(deleting), **change)

    def conclude_no_match(self, s, put):
        overtaken = s.pins or is_rejected(s) and not s.again
        if not self.may_write(s) or overtaken and self.has[NO_MATCH_WITHOUT_PINS]:
            return put('no match is not written: closed or pinned', None)
        if s.refusal == BY_PLATFORM:
            closing = closed(REFUSED) if self.has[WITHDRAWN_REFUSED] else {**closed(NO_MATCH), 'violation': 'WITHDRAWN'}
            return put('no match after the withdrawal', None, **self.written(s, **closing))
        violation = 'NOMATCH-DESTROYED' if s.deleted else 'NOMATCH-PRESENT' if PRESENT in s.customers else ''
        put('no match is written', None, **self.written(s, **closed(NO_MATCH), violation=violation))

    def post_by_identifier(self, s, at, put):
        target = A if s.customers[A] == PRESENT else NEW if s.newcomer == SAME_IDENTIFIERS else None
        put('a deletion by identifier', None, **({} if target is None else self.delete(s, target)))

    def next_pin(self, at):
        """The first pin from the index on that is not gone; a GET precedes the post unless this attempt found it."""
        for index in range(at.index, len(at.pins)):
            if not at.gone >> index & 1:
                rule = LOOK_AGAIN if at.resumed else LOOK_FIRST
                look = self.has[rule] and not at.fresh >> index & 1
                return at._replace(step=GET if look else POST, index=index, seen=NOT_ASKED)
        return record(at)

    def skip_pin(self, at, review=False):
        return self.next_pin(at._replace(index=at.index + 1, review=at.review or review))

    def pin_gone(self, at):
        return self.next_pin(at._replace(gone=at.gone | 1 << at.index, index=at.index + 1))

    def get(self, s, at, put):
        if not affords(at, 2):
            return self.no_quota(s, at, put)
        name, seen = self.ask(s, at)
        at = at._replace(calls=left(at, 1))
        if seen != OTHER_ID:
            put(name, at._replace(step=POST, seen=seen))
        elif self.has[OTHER_ID_PROVES_NOTHING]:
            put(name, self.skip_pin(at, review=True))
        else:
            put(name + ', taken for gone', self.pin_gone(at))

    def ask(self, s, at):
        who = at.pins[at.index]
        target = target_of(s, who)
        seen = NOT_FOUND if target is None else OWN_ID if target == who else OTHER_ID
        return f'GET {names((who,))}: {GET_ANSWERS[seen]}', seen

    def post(self, s, at, put):
        if not affords(at, 1):
            return self.no_quota(s, at, put)
        if s.hold and self.has[HOLDS_BEFORE_DELETION]:
            return put('a legal hold stops the attempt', record(at._replace(review=True)))
        at = at._replace(calls=left(at, 1))
        who = at.pins[at.index]
        label = f'deletion of {names((who,))}'
        target = target_of(s, who)
        lost = self.skip_pin(at)
        if not self.has[NO_RESEND] and at.step == POST:
            lost = at._replace(step=POST_AGAIN, seen=NOT_ASKED)
        put(f'{label}: lost on the way', lost)
        if target is None:
            return put(f'{label}: 404', self.not_found(at))
        effect = self.delete(s, target)
        put(f'{label}: 200', self.pin_gone(at), **effect)
        put(f'{label}: done, and the answer is lost', lost, **effect)
        put(f'{label}: 404 although the customer is there', self.not_found(at))

    def not_found(self, at):
        if not self.has[GONE_ON_404]:
            return self.skip_pin(at)
        if at.seen == NOT_FOUND or not self.has[CONFIRMED]:
            return self.pin_gone(at)
        return at._replace(step=CONFIRM)

    def confirm(self, s, at, put):
        if not affords(at, 1):
            return put('no quota for the confirming GET', self.skip_pin(at))
        name, seen = self.ask(s, at)
        at = at._replace(calls=left(at, 1))
        gone = seen == NOT_FOUND or seen == OTHER_ID and not self.has[OTHER_ID_PROVES_NOTHING]
        put('confirming ' + name, self.pin_gone(at) if gone else self.skip_pin(at, review=seen == OTHER_ID))

    def record(self, s, at, put):
        if not self.may_write(s):
            return put('the result is not recorded: closed or in review', None)
        done = s.done | at.gone
        known = s.pins if self.has[ALL_PINS_KNOWN] else at.pins
        is_done = done & (1 << len(known)) - 1 == (1 << len(known)) - 1
        if is_rejected(s):
            finished = is_done and not s.again and self.has[REFUSED_REVIEWED]
            review = (finished or at.review) and not s.refusal
            change = self.written(s, receipt=REVIEW if review else OPEN, done=done, partial=s.partial and not review)
            return put('the partial result is recorded', None, **change)
        if is_done and at.pins:
            left_over = any(s.customers[who] != GONE for who in s.pins if who != NEW) or PRESENT in s.customers
            change = self.written(s, **closed(ERASED), violation='FALSE-DONE' if left_over else '')
            return put('erased is written', None, **change)
        change = self.written(s, receipt=REVIEW if at.review and not s.refusal else OPEN, done=done)
        put('the result is recorded', None, **change)

    # ---- writes and effects

    def no_quota(self, s, at, put):
        """Later, with what there is; a step that a whole attempt's quota does not pay for is for a person."""
        if at.calls == self.calls and self.has[TOO_SMALL] and s.receipt == OPEN and not s.refusal:
            return put('the quota is too small: review', None, receipt=REVIEW)
        put('no quota for the next step', record(at) if has_news(s, at) else None)

    def may_write(self, s):
        return s.receipt == OPEN or not self.has[ONE_REVISION]

    def written(self, s, **change):
        return {**change, 'violation': 'FLIPPED'} if s.receipt in FINAL else change

    def delete(self, s, target):
        if target == NEW:
            return {'newcomer': NOBODY, 'deleted': True, 'violation': 'WRONG'}
        violation = {REFUSED: 'CANCELLED', NO_MATCH: 'NOMATCH-DESTROYED',
                     NOT_IDENTIFIABLE: 'NOMATCH-DESTROYED'}.get(s.receipt, 'HELD' if s.hold else '')
        if s.refusal == BY_PLATFORM:
            violation = 'WITHDRAWN'
        return {'customers': with_item(s.customers, target, GONE), 'deleted': True, 'violation': violation}


STEPS = {
    LOOK_UP: Model.look_up, STORE: Model.store, CONCLUDE: Model.conclude,
    POST_BY_IDENTIFIER: Model.post_by_identifier, GET: Model.get, POST: Model.post, POST_AGAIN: Model.post,
    CONFIRM: Model.confirm, RECORD: Model.record}
