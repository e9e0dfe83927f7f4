"""`manage.py verify_store` finds what is wrong with a store, and puts it right."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from messaging import services, trees
from messaging.models import Branch, Dirty, Message, Store
from messaging.models import Topic as TopicRow
from peers.models import User
from tests.factories import HOUR_MS, NOW, Hub, check_totals, deletion, envelope, ident_of, person, row_of, take

COUNT = 40


@pytest.fixture
def idents(hub: Hub) -> list[bytes]:
    """Messages of a hub with some life: one deleted, one that burned, trees that are behind."""
    hub.member("ann")
    values = [
        envelope(person("ann"), hub.lounge, f"number {number}", created_at=NOW - number * HOUR_MS)
        for number in range(COUNT)
    ]
    assert take(*values[: COUNT // 2]) == ["stored"] * (COUNT // 2)
    trees.refresh(now=NOW)
    take(*values[COUNT // 2 :], envelope(hub.admin, hub.lounge, "soon gone", burn_at=NOW + HOUR_MS))
    take(deletion(person("ann"), hub.lounge, ident_of(values[0]), created_at=NOW + 1))
    services.messages_burn(now=NOW + HOUR_MS)
    return [ident_of(value) for value in values]


def run(*arguments: str) -> tuple[int, list[str]]:
    """The command's exit code, and what it tells."""
    out = StringIO()
    try:
        call_command("verify_store", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def other_body(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(body=b'{"text":"never said"}')


def other_header(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(header=bytes(row.header).replace(b"chat.text", b"chat.test"))


def other_signature(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(sig=bytes(row_of_other(row).sig))


def row_of_other(row: Message) -> Message:
    return Message.objects.filter(topic=row.topic).exclude(pk=row.pk).order_by("pk").first()


def no_header(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(header=b"{")


def other_id(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(ident=bytes(32))


def other_time(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(created_at=F("created_at") + 1)


def other_author(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(author=User.objects.exclude(pk=row.author_id).first())


def other_topic(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(topic=TopicRow.objects.exclude(pk=row.topic_id).first())


def no_salt(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(salt=None)


def wrong_count(row: Message) -> None:
    TopicRow.objects.filter(pk=row.topic_id).update(count=F("count") + 1)


def wrong_bytes(row: Message) -> None:
    TopicRow.objects.filter(pk=row.topic_id).update(bytes=0)


def wrong_cursor(row: Message) -> None:
    TopicRow.objects.filter(pk=row.topic_id).update(cursor=1)


def store_behind(row: Message) -> None:
    Store.objects.update(cursor=5, tree_cursor=5)


def wrong_branch(row: Message) -> None:
    branch = Branch.objects.filter(topic=row.topic_id).order_by("level").first()
    Branch.objects.filter(topic=row.topic_id, level=branch.level, bucket=branch.bucket).update(
        children=bytes(branch.children)[:-1] + b"?"
    )


def no_branch(row: Message) -> None:
    Branch.objects.filter(topic=row.topic_id, level=8).delete()


def another_branch(row: Message) -> None:
    Branch.objects.create(topic_id=row.topic_id, level=2, bucket=0, children=b"?")


def row_without_mark(row: Message) -> None:
    Message.objects.filter(pk=row.pk).delete()


FAULTS: list[tuple[Callable[[Message], None], str]] = [
    (other_body, "has a body that its author did not sign"),
    (no_salt, "has a body that its author did not sign"),
    (other_header, "is not what its author signed"),
    (other_signature, "is not what its author signed"),
    (no_header, "is not what its author signed"),
    (other_id, "is listed under what its header does not say"),
    (other_time, "is listed under what its header does not say"),
    (other_author, "is listed under what its header does not say"),
    (other_topic, "is listed under what its header does not say"),
    (wrong_count, "counts its messages wrongly"),
    (wrong_bytes, "counts its messages wrongly"),
    (wrong_cursor, "counts its messages wrongly"),
    (store_behind, "counts its messages wrongly"),
    (wrong_branch, "has a tree that is not that of its messages"),
    (no_branch, "has a tree that is not that of its messages"),
    (another_branch, "has a tree that is not that of its messages"),
    (row_without_mark, "has a tree that is not that of its messages"),
]


def test_a_store_in_order_is_found_so(idents: list[bytes]) -> None:
    assert run() == (0, [f"{Message.objects.count():,} messages are as they were signed; totals and trees fit."])
    trees.refresh(now=NOW)
    assert run()[0] == 0
    trees.mark_whole(TopicRow.objects.values_list("pk", flat=True))
    assert run()[0] == 0


@pytest.mark.parametrize(("spoil", "told"), FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_a_fault_is_found_and_repaired(
    hub: Hub, idents: list[bytes], spoil: Callable[[Message], None], told: str
) -> None:
    trees.refresh(now=NOW + HOUR_MS)
    right = trees.root(hub.lounge, now=NOW + HOUR_MS)
    spoil(row_of(idents[3]))
    code, lines = run()
    assert code == 1
    assert any(told in line for line in lines), lines
    assert run("--repair")[0] == 0
    assert run()[0] == 0
    assert not Dirty.objects.exists()
    check_totals()
    after = trees.root(hub.lounge, now=NOW + HOUR_MS)
    if spoil in (other_header, other_signature, no_header, row_without_mark):
        assert after.count == right.count - 1
    else:
        assert (after.root, after.count) == (right.root, right.count)


def test_a_message_without_its_body_is_completed_when_it_comes_again(hub: Hub) -> None:
    value = envelope(hub.admin, hub.lounge, "said")
    take(value)
    other_body(row_of(ident_of(value)))
    assert run("--repair")[0] == 0
    assert row_of(ident_of(value)).body is None
    assert take(value) == ["stored"]
    assert run()[0] == 0
