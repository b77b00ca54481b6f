#!/usr/bin/env python3
"""Checks the receipt protocol exhaustively: every order of all steps. Then
removes each ingredient in turn and expects the violation that it prevents.

Outside the service
- The platform sends the request until it gets a 2xx.
- An attempt may crash, run out of time or quota before any call, or lose an
  answer, any number of times. Attempts overlap.
- Customers A and B belong to the person and registered before the request.
  Anybody may delete them elsewhere, or change them so that no look-up finds
  them. Voucherify may answer a deletion with 404 although A or B is there.
- A new customer N registers with the person's identifiers, or with the old id
  of A as source_id.
- An operator may refuse the request, and retries or refuses after a review.
- An operator may set legal holds at any time. Each ends at any time.
- The platform may withdraw the request at any time, and is answered at once.
- Voucherify shows a deleted customer for some time.

The service
- Look-up 1 finds A, look-up 2 finds B. Each result is stored by itself.
- Then the pins (customer ids) are written, once, or "no match".
- Then each pin is deleted, confirmed where the answer is 404, and recorded.
- An event about a customer who registers after the erasure is compared with
  look-up rows, and answered after its addendum is stored.
- After the closing, the deleted customers are looked up once more.

Violations
  WRONG              a customer was deleted who registered after the request
  FALSE-DONE         "erased", and a customer is there who was pinned or whom
                     a look-up finds
  FLIPPED            a closed receipt was changed
  CANCELLED          a customer was deleted after the receipt was closed as
                     refused
  NOMATCH-DESTROYED  "no match", and a customer was deleted for the request
  NOMATCH-PRESENT    "no match", and A or B is there and a look-up finds it
  LOST               a 2xx was sent, and there is no receipt
  MISSED             a customer registered with the identifiers of an erased
                     person, the event got a 2xx, and there is no addendum
  HELD               a customer was deleted under a legal hold
  WITHDRAWN          the platform was told that the request is withdrawn, and a
                     customer was deleted for it, or it is not refused
  FALSE-ABSENT       verified as absent, and Voucherify shows the customer
  UNVERIFIED         the pins are deleted, and no verification is stored
  STUCK              accepted, and nothing that can happen closes the receipt
                     (an operator helps only after a review)
"""
import argparse
import sys
import time

sys.dont_write_bytecode = True

from explore import check  # noqa: E402
from ingredients import CALLS_WITHOUT, PROTECTS_FROM, PROTOCOL  # noqa: E402
from protocol import Model  # noqa: E402
from states import UNLIMITED  # noqa: E402


def main():
    options = arguments()
    failed = False
    for attempts, calls in ((options.attempts, UNLIMITED), (1, 1), (1, 2), (1, 3)):
        limit = 'any number' if calls == UNLIMITED else calls
        title = f'protocol, attempts at once: {attempts}, calls in each: {limit}'
        failed |= show(title, Model(PROTOCOL, attempts, calls), None, options.paths)
    for one, expected in PROTECTS_FROM.items():
        # Nothing needs an overlap to get stuck.
        model = Model(PROTOCOL - {one}, 1 if expected == 'STUCK' else 2, CALLS_WITHOUT.get(one, UNLIMITED))
        failed |= show(f'without "{one}"', model, expected, options.paths)
    return 1 if failed else 0


def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog='Exit code 1: the protocol has a violation, or the removal of an\n'
        'ingredient does not show the violation that it prevents.')
    parser.add_argument('--attempts', type=int, default=2, metavar='N', help='attempts at once (default 2)')
    parser.add_argument('--paths', action='store_true', help='print the shortest path to each violation')
    return parser.parse_args()


def show(title, model, expected, with_paths):
    """Checks and prints; returns whether the result is wrong. `expected`: the violation to find, or None for none."""
    started = time.monotonic()
    found = check(model, expected)
    kinds = ', '.join(sorted(found.violations)) or 'none'
    seconds = time.monotonic() - started
    print(f'{title}: {found.states:,} states, violations: {kinds} ({seconds:.0f} s)', flush=True)
    for kind, path in found.violations.items():
        if with_paths or expected is None:
            print(f'  {kind}: ' + ' > '.join(path))
    wrong = bool(found.violations) if expected is None else expected not in found.violations
    if wrong:
        print(f'  expected: {expected or "none"}')
    return wrong


if __name__ == '__main__':
    sys.exit(main())
