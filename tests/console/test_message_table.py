"""The messages: metadata of all, text of open channels alone, quick however many there are."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console import message_table
from console.message_table import Asked, page_of
from messaging.models import Message, Topic
from messaging.services import messages_burn
from peers.clock import now_ms
from tests.console.conftest import page
from tests.factories import NOW, Hub, deletion, envelope, ident_of, inbox, row_of, store, take

SECRET = "words-that-nobody-may-read"
PATHS = ("messaging/message/", "messaging/topic/", "", "peers/auditentry/", "messaging/message/export/")


def everything(client: Client) -> str:
    """All pages on which a message leaves a trace."""
    texts = [page(client, f"/console/{path}") for path in PATHS]
    texts += [
        page(client, f"/console/messaging/message/{pk}/change/") for pk in Message.objects.values_list("pk", flat=True)
    ]
    return "\n".join(texts)


def test_text_of_open_channels_is_shown(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, "hello <b>all</b>"))
    text = everything(operator)
    assert "hello &lt;b&gt;all&lt;/b&gt;" in text
    assert ">ann<" in text


def test_text_of_other_topics_is_not(operator: Client, hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    store(
        envelope(ann, inbox(bob), SECRET),
        envelope(ann, inbox(bob), {"text": SECRET, "subject": SECRET}, type="mail.text"),
        envelope(ann, "feed", SECRET),
        envelope(ann, "feed", {"display_name": SECRET}, type="profile"),
    )
    text = everything(operator)
    assert text.count("/change/") > 8
    assert SECRET not in text


def test_of_private_channels_there_is_neither_text_nor_deed(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    said = envelope(ann, hub.lounge, SECRET)
    store(said)
    address = f"/console/messaging/message/{row_of(ident_of(said)).pk}/change/"
    assert "Delete for everyone" in page(operator, address)
    Topic.objects.filter(kind="chan").update(is_private=True)
    assert SECRET not in everything(operator)
    assert "Delete for everyone" not in page(operator, address)


def test_what_was_deleted_is_nowhere(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    said = envelope(ann, hub.lounge, SECRET)
    edited = envelope(ann, hub.lounge, f"{SECRET} edited", type="chat.edit", refs=[("edit", ident_of(said))])
    store(said, edited)
    assert SECRET in everything(operator)
    store(deletion(ann, hub.lounge, ident_of(said), created_at=NOW + 1))
    assert SECRET not in everything(operator)


def test_what_burns_is_not_shown_from_its_time_on(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    now = now_ms()
    burning = envelope(ann, hub.lounge, SECRET, created_at=now, burn_at=now + 60_000)
    edited = envelope(
        ann,
        hub.lounge,
        SECRET,
        type="chat.edit",
        created_at=now,
        burn_at=now + 60_000,
        refs=[("edit", ident_of(burning))],
    )
    assert take(burning, edited, now=now) == ["stored", "stored"]
    assert SECRET in everything(operator)
    Message.objects.filter(burn_at__isnull=False).update(burn_at=now - 1)
    assert SECRET not in everything(operator)
    messages_burn(now=now)
    assert SECRET not in everything(operator)


def test_an_edit_whose_original_has_burned_or_is_unknown_is_not_shown(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, SECRET, type="chat.edit", refs=[("edit", b"x" * 32)]))
    assert SECRET not in everything(operator)


def test_bodies_that_are_no_text_are_not_shown(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    said = envelope(ann, hub.lounge, "x")
    store(
        said,
        envelope(ann, hub.lounge, {"emoji": "x", "note": SECRET}, type="chat.react", refs=[("react", ident_of(said))]),
    )
    Message.objects.filter(ident=ident_of(said)).update(body=b'["' + SECRET.encode() + b'"]')
    assert SECRET not in everything(operator)


def _pages(asked: Asked, *, oldest_first: bool = False) -> list[int]:
    found: list[int] = []
    place = ""
    for _ in range(200):
        one = page_of(asked, place, oldest_first=oldest_first)
        found += [row.cursor for row in one.rows]
        if one.older is None:
            return found
        place = one.older
    raise AssertionError("pages without end")


@pytest.fixture
def many(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Messages of two people in two channels and an inbox, with small pages."""
    monkeypatch.setattr(message_table, "PAGE_MESSAGES", 7)
    monkeypatch.setattr(message_table, "LOOKED_AT", 20)
    ann, bob = hub.member("ann"), hub.member("bob")
    for number in range(60):
        author = bob if number % 20 == 3 else ann
        to = inbox(bob) if number % 3 == 0 else hub.lounge
        store(envelope(author, to, str(number), created_at=NOW + number // 2))
    return hub


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_hold_every_message_once(many: Hub, oldest_first: bool) -> None:
    every = list(Message.objects.order_by("cursor").values_list("cursor", flat=True))
    found = _pages(Asked(), oldest_first=oldest_first)
    assert found == (every if oldest_first else every[::-1])


@pytest.mark.parametrize("oldest_first", [False, True])
def test_filters_hold_over_pages(many: Hub, oldest_first: bool) -> None:
    lounge = Message.objects.filter(topic__kind="chan")
    topic = lounge.values_list("topic_id", flat=True)[0]
    in_lounge = set(lounge.values_list("cursor", flat=True))
    found = _pages(Asked(channel=topic), oldest_first=oldest_first)
    assert set(found) == in_lounge
    assert len(found) == len(in_lounge)
    author = Message.objects.filter(author__account__name="bob").values_list("author_id", flat=True)[0]
    assert len(_pages(Asked(authors=(author,)), oldest_first=oldest_first)) == 3
    assert len(_pages(Asked(authors=(author,), channel=topic), oldest_first=oldest_first)) == 2
    assert len(_pages(Asked(type="add_user"), oldest_first=oldest_first)) == 2
    assert set(_pages(Asked(channel=topic, since=NOW + 20), oldest_first=oldest_first)) == set(
        lounge.filter(created_at__gte=NOW + 20).values_list("cursor", flat=True)
    )


def test_a_page_says_that_there_is_more_to_look_at(operator: Client, many: Hub) -> None:
    text = page(operator, "/console/messaging/message/", type="add_user")
    assert "Look further" in text
    assert "Looked at 20 messages" in text


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "1-2-3", "é", "1-", "-"])
def test_strange_places_do_no_harm(operator: Client, many: Hub, before: str) -> None:
    for query in ({}, {"channel": "1"}, {"o": "0"}, {"channel": "9" * 30}, {"time": "x"}):
        assert page(operator, "/console/messaging/message/", before=before, **query)


def test_an_export_holds_what_the_filters_let_through_and_no_text(operator: Client, many: Hub) -> None:
    rows = list(csv.reader(io.StringIO(page(operator, "/console/messaging/message/export/"))))
    assert len(rows) - 1 == Message.objects.count()
    assert "Text" not in "".join(rows[0])
    rows = list(csv.reader(io.StringIO(page(operator, "/console/messaging/message/export/", q="bob"))))
    assert {row[2] for row in rows[1:]} == {"bob"}


def test_no_query_counts_or_sorts_the_table(operator: Client, many: Hub) -> None:
    topic = str(Message.objects.filter(topic__kind="chan").values_list("topic_id", flat=True)[0])
    for query in ({}, {"channel": topic}, {"type": "chat.text"}, {"q": "bob"}, {"channel": topic, "type": "chat.text"}):
        with CaptureQueriesContext(connection) as queries:
            page(operator, "/console/messaging/message/", **query)
        assert len(queries) <= 12
        for one in queries:
            sql = one["sql"]
            if "messaging_message" not in sql or not sql.startswith("SELECT"):
                continue
            assert "COUNT(" not in sql
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                plan = " / ".join(row[3] for row in cursor.fetchall())
            assert "SCAN messaging_message" not in plan, plan
            assert "TEMP B-TREE FOR ORDER" not in plan, plan


def test_pinning_and_deleting_are_signed_by_the_admin(operator: Client, hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    now = now_ms()
    said, direct = envelope(ann, hub.lounge, SECRET, created_at=now), envelope(ann, inbox(bob), SECRET, created_at=now)
    store(said, direct, now=now)
    cursor = row_of(ident_of(said)).pk
    for deed, type_ in (("pin", "chat.pin"), ("unpin", "chat.pin"), ("delete-message", "chat.delete")):
        assert "admin" in page(operator, f"/console/do/{deed}/{cursor}/")
        answer = operator.post(f"/console/do/{deed}/{cursor}/", {"confirmed": "1"})
        assert answer.status_code == 302
        newest = Message.objects.select_related("author").order_by("-cursor")[0]
        assert newest.type == type_
        assert bytes(newest.author.key) == hub.admin.public
    assert row_of(ident_of(said)).body is None
    answer = operator.post(f"/console/do/delete-message/{row_of(ident_of(direct)).pk}/", {"confirmed": "1"})
    assert row_of(ident_of(direct)).body is not None
    assert SECRET not in everything(operator)
