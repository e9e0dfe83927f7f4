"""Where a link stands, in a table that is checked at import, and in plain words for the operator (protocol.md
sections 4 and 5).

    new, waiting, refused -> dialling -> comparing <-> equal, unequal      (a hub that we dial)
    listening <-> comparing <-> equal, unequal                             (a hub that dials us)

Not here: who moves a link from state to state (driver.py, services.py).
"""

from __future__ import annotations

from typing import Final

from django.db import models


class State(models.TextChoices):
    """What a link is doing."""

    NEW = "new", "not dialled yet"
    DIALLING = "dialling", "dialling"
    COMPARING = "comparing", "connected, comparing"
    EQUAL = "equal", "connected, equal"
    UNEQUAL = "unequal", "connected, not equal"
    WAITING = "waiting", "not connected, waiting for the next try"
    REFUSED = "refused", "refused"
    LISTENING = "listening", "not connected: it dials us"
    OFF = "off", "switched off"


_CONNECTED: Final = frozenset({State.COMPARING, State.EQUAL, State.UNEQUAL})
_APART: Final = frozenset({State.WAITING, State.REFUSED, State.LISTENING, State.OFF})

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.NEW: frozenset({State.DIALLING, State.COMPARING}) | _APART,
    State.DIALLING: frozenset({State.COMPARING}) | _APART,
    State.COMPARING: frozenset({State.EQUAL, State.UNEQUAL}) | _APART,
    State.EQUAL: frozenset({State.COMPARING}) | _APART,
    State.UNEQUAL: frozenset({State.COMPARING}) | _APART,
    State.WAITING: frozenset({State.DIALLING, State.COMPARING, State.LISTENING, State.OFF}),
    State.REFUSED: frozenset({State.DIALLING, State.COMPARING, State.LISTENING, State.OFF}),
    State.LISTENING: frozenset({State.COMPARING, State.NEW, State.DIALLING, State.OFF}),
    State.OFF: frozenset({State.NEW, State.LISTENING}),
}


def check_table() -> None:
    """Every state has its row, none leads to itself, and each can be reached from the first one."""
    if set(TRANSITIONS) != set(State):
        raise RuntimeError("links: a state without a row in the table")
    reached, fresh = {State.NEW}, {State.NEW}
    while fresh:
        fresh = {after for state in fresh for after in TRANSITIONS[state]} - reached
        reached |= fresh
    if reached != set(State) or any(state in after for state, after in TRANSITIONS.items()):
        raise RuntimeError("links: the table of states is wrong")


check_table()


def check_step(before: str, after: str) -> None:
    """Return, or RuntimeError where a link in state `before` cannot come to be in state `after`."""
    if before != after and State(after) not in TRANSITIONS[State(before)]:
        raise RuntimeError(f"a link that is {before} cannot become {after}")


def is_connected(state: str) -> bool:
    """Whether the two hubs have a session."""
    return state in _CONNECTED


REASONS: Final = {
    "wrong_server": "wrong key",
    "unauthorized": "it does not accept our certificate",
    "denied": "it does not let us in",
    "busy": "it is too busy",
    "unreachable": "it cannot be reached",
    "lost": "the connection was lost",
    "bad_request": "it does not keep to the protocol",
    "bad_encoding": "it does not keep to the protocol",
    "silent": "it said nothing for too long",
    "budget": "it sent more than the work was worth",
    "internal": "something failed here; the log says what",
    "expired": "our certificate was renewed",
    "unequal": "not everything could be exchanged",
}


def reason(code: str) -> str:
    """A refusal or failure in words."""
    return REASONS.get(code, code)


def span(milliseconds: int) -> str:
    """A length of time for people: 40 s, 12 min, 3 h, 5 d."""
    seconds = max(0, milliseconds) // 1_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"


def describe(
    state: str,
    *,
    now: int,
    code: str = "",
    next_at: int | None = None,
    equal_at: int | None = None,
    behind: int = 0,
    refused: int = 0,
) -> str:
    """A link's state in plain words at `now`; times are ms since 1970 UTC, `behind` and `refused` count messages."""
    soon = f"next try in {span(next_at - now)}" if next_at is not None and next_at > now else ""
    if state == State.EQUAL:
        but = f" but {refused:,} refused" if refused else ""
        return f"equal{but} {span(now - (equal_at if equal_at is not None else now))} ago"
    if state == State.COMPARING:
        return f"behind by {behind:,} messages" if behind else "comparing"
    if state == State.UNEQUAL:
        head = f"behind by {behind:,} messages" if behind else f"not equal: {reason(code or 'unequal')}"
        return ", ".join(part for part in (head, soon) if part)
    if state == State.REFUSED:
        return ", ".join(part for part in (f"refused: {reason(code)}", soon) if part)
    if state == State.WAITING:
        return ", ".join(part for part in ("waiting", soon or "next try now", reason(code)) if part)
    return State(state).label
