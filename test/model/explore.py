"""Breadth-first search over everything that can happen."""
from array import array
from typing import NamedTuple

from protocol import REFUSES_OPEN, SETS_HOLD, WITHDRAWS
from states import FINAL


class Found(NamedTuple):
    states: int
    violations: dict    # kind -> the shortest path to it, as names of steps


def check(model, until=None):
    """Explores every reachable state, breadth first; `until` stops at the first violation of that kind."""
    start = model.start()
    number = {start: 0}
    states = [start]
    parent = array('i', [-1])
    sources, targets = array('I'), array('I')
    first = {}
    here = 0
    while here < len(states):
        for name, state in model.steps(states[here]):
            there = number.get(state)
            if there is None:
                there = number[state] = len(states)
                states.append(state)
                parent.append(here)
                if state.violation and state.violation not in first:
                    first[state.violation] = there
            if name not in (REFUSES_OPEN, SETS_HOLD, WITHDRAWS):
                sources.append(here)
                targets.append(there)
        here += 1
        while here < len(states) and states[here].violation:
            here += 1
        if until in first:
            break
    else:
        stuck = first_stuck(states, sources, targets)
        if stuck is not None:
            first['STUCK'] = stuck
    paths = {kind: path_to(model, states, parent, there) for kind, there in first.items()}
    return Found(len(states), paths)


def first_stuck(states, sources, targets):
    """The first state, if any, that is accepted and from which no step after step leads to a closed receipt."""
    closes = bytearray(state.receipt in FINAL or state.violation != '' for state in states)
    grown = True
    while grown:
        grown = False
        for edge in range(len(sources) - 1, -1, -1):
            if closes[targets[edge]] and not closes[sources[edge]]:
                closes[sources[edge]] = grown = True
    return next((n for n, state in enumerate(states) if state.accepted and not closes[n]), None)


def path_to(model, states, parent, there):
    path = []
    while parent[there] >= 0:
        before = parent[there]
        path.append(next(name for name, state in model.steps(states[before]) if state == states[there]))
        there = before
    return path[::-1]
