"""Nothing lost, nothing twice: the position against a simulated hub, cut anywhere, with several backlogs at once."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from accord_client.events import Deliver, Live
from accord_client.position import LATE_MS, Progress
from accord_client.profile import Position


def message(cursor, created_at=0):
    return Deliver(cursor, SimpleNamespace(id=b"%d" % cursor, created_at=created_at))


def test_first_subscription_starts_at_the_hubs_cursor():
    progress = Progress()
    assert progress.position() is None
    progress.subscribed(1, 7, "s", now=5_000)
    assert progress.position() == Position("s", 7, 5_000)
    assert not progress.is_new(message(7))
    assert progress.is_new(message(8))


def test_an_open_backlog_holds_the_position():
    progress = Progress(Position("s", 10))
    progress.connected()
    progress.subscribed(1, 20, "s", now=5_000)
    progress.shown(message(15))
    assert progress.position().cursor == 10
    assert not progress.is_new(message(15))
    progress.live(1, 20)
    assert progress.position().cursor == 20
    progress.subscribed(2, 20, "s", now=5_000)
    progress.shown(message(21))
    assert progress.position().cursor == 20
    progress.connected()
    assert not progress.is_new(message(21))
    assert progress.is_new(message(22))


def test_after_a_restart_what_was_shown_is_known():
    progress = Progress(Position("s", 10, 1_000_000))
    progress.shown(message(11, 2_000_000))
    progress.restart()
    assert progress.position() is None
    progress.subscribed(1, 5, "t", now=5_000)
    assert progress.floor() == 2_000_000 - LATE_MS
    assert not progress.missed(message(11, 2_000_000), up_to=20)
    assert progress.missed(message(12, 2_000_001), up_to=20)
    assert not progress.missed(message(21, 2_000_001), up_to=20)


def test_after_a_restart_a_fresh_listener_has_missed_nothing_older_than_itself():
    progress = Progress()
    progress.subscribed(1, 7, "s", now=5_000)
    progress.restart()
    progress.subscribed(1, 3, "t", now=9_000)
    assert not progress.missed(message(2, 4_999), up_to=20)
    assert progress.missed(message(3, 5_001), up_to=20)


@given(
    kinds=st.lists(st.booleans(), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 12), max_size=10),
    order=st.lists(st.booleans(), max_size=60),
)
def test_every_message_once_however_often_it_is_cut(kinds, cuts, order):
    """Two topics, one backlog each, mixed in any order; the connection ends after so many events."""
    log = list(enumerate(kinds, 1))
    progress = Progress(Position("s", 0))
    seen = []
    for allowed in [*cuts, 10_000]:
        progress.connected()
        since = progress.cursor
        backlogs = {}
        for ref, kind in ((1, True), (2, False)):
            progress.subscribed(ref, len(log), "s", now=5_000)
            held = [message(cursor) for cursor, of in log if of is kind and cursor > since]
            backlogs[ref] = [*held, Live(ref, len(log))]
        for event in mixed(backlogs[1], backlogs[2], order)[:allowed]:
            if isinstance(event, Live):
                progress.live(event.ref, event.cursor)
            elif progress.is_new(event):
                seen.append(event.cursor)
                progress.shown(event)
    assert sorted(seen) == [cursor for cursor, _ in log]
    assert progress.position() == Position("s", len(log))


def mixed(one, other, order):
    one, other, events = list(one), list(other), []
    for first in order:
        source = one if first else other
        if source:
            events.append(source.pop(0))
    return events + one + other
