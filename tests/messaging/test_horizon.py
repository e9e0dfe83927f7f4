"""What a topic's horizon means at the door and in lists (protocol.md sections 1 and 5)."""

from __future__ import annotations

from django.db import connection

from accord.keys import SigningKey
from accord.merkle import HORIZON_MS, horizon_of
from accord.topics import Topic
from messaging import selectors, topic_rows
from messaging.admission import Right
from messaging.models import Message
from messaging.models import Topic as TopicRow
from messaging.selectors import Reader
from tests.factories import NOW, Hub, admitted, envelope, feed, inbox, person, store, take

HORIZON = horizon_of(NOW) - 3 * HORIZON_MS


def move(topic: Topic) -> None:
    """Let a topic begin at HORIZON."""
    assert TopicRow.objects.filter(kind=topic.kind, ident=topic.ident).update(horizon=HORIZON)


def revoke(user: SigningKey) -> dict[str, object]:
    return envelope(user, "feed", b'{"serial":"AAAAAAAAAAAAAAAAAAAAAA"}', type="cert.revoke", created_at=HORIZON - 1)


def test_what_is_older_than_the_horizon_is_gone(hub: Hub) -> None:
    ann = hub.member("ann")
    early = envelope(ann, hub.lounge, "early", created_at=HORIZON - 1)
    assert take(early) == ["stored"]
    move(hub.lounge)
    late = [envelope(ann, hub.lounge, f"at {at}", created_at=at) for at in (HORIZON - 1, HORIZON, NOW)]
    assert take(*late) == ["gone", "stored", "stored"]
    assert take(early) == ["duplicate"], "what is held still is not refused"
    assert take(envelope(ann, inbox(ann), created_at=HORIZON - 1)) == ["stored"], "each topic has its own"


def test_keys_and_revocations_are_taken_however_old(hub: Hub) -> None:
    ann = hub.member("ann")
    take(envelope(ann, "feed", "hello"))
    move(feed(ann))
    assert take(envelope(ann, "feed", created_at=HORIZON - 1), revoke(ann)) == ["gone", "stored"]


def test_a_stranger_does_not_learn_of_a_horizon(hub: Hub) -> None:
    ann = hub.member("ann")
    move(inbox(ann))
    mail = envelope(person("stranger"), inbox(ann), type="mail.text", created_at=HORIZON - 1)
    held = Message.objects.count()
    assert take(admitted(mail, Right.STRANGER)) == ["stored"]
    assert Message.objects.count() == held


def test_rows_of_topics_tell_their_horizon(hub: Hub) -> None:
    ann = hub.member("ann")
    move(hub.lounge)
    (row,) = topic_rows.topics_named([hub.lounge], Reader(ann.public, False, NOW))
    assert row["horizon"] == HORIZON


def test_an_export_leaves_out_what_burns_while_it_runs(hub: Hub) -> None:
    ann = hub.member("ann")
    store(*(envelope(ann, hub.lounge, f"number {number}", burn_at=NOW + 10) for number in range(2)))
    times = iter([NOW, NOW + 10])
    assert len(list(selectors.export_rows(now=lambda: next(times)))) == Message.objects.count() - 1


def test_a_new_database_can_give_pages_back(hub: Hub) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA auto_vacuum").fetchone() == (2,)
