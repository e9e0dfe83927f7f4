"""Messages over the REST API: publishing, pages, mentions, answers, references (protocol.md sections 1 and 4)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from typing import Any

import pytest

from tests.e2e.plain_client import Json, Key, b64, check_message, id_of, message, now_ms, ref, text, unb64
from tests.e2e.rest import Rest
from tests.e2e.world import World

pytestmark = pytest.mark.e2e


def uuid_of(ident: str) -> str:
    raw = bytearray(unb64(ident)[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def ids(items: list[Json]) -> list[str]:
    return [item["id"] for item in items]


def store(rest: Rest, *envelopes: Json) -> list[str]:
    """Publish messages all of which must be stored; gives their ids."""
    answer = rest.post("messages", {"messages": list(envelopes)})
    assert answer.status == 200, answer
    assert [result["status"] for result in answer.value["results"]] == ["stored"] * len(envelopes), answer.value
    return [result["id"] for result in answer.value["results"]]


def pages(rest: Rest, *, parameter: str = "before", **query: Any) -> list[Json]:
    """All messages that a list leads to."""
    found: list[Json] = []
    place: Json = {}
    while True:
        answer = rest.get("messages", **{**query, **place})
        assert answer.status == 200, answer
        found += answer.value["items"]
        if answer.value["next"] is None:
            return found
        place = {parameter: answer.value["next"]}


async def test_what_is_published_is_read_back_as_it_was_signed(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest = Rest.login(hub, user)
    said = text(user, channel, "hello")
    (ident,) = store(rest, said)
    (item,) = rest.get("messages", topic=channel).value["items"]
    assert item["message"] == said
    check_message(item["message"])
    assert (item["id"], item["uuid"]) == (ident, uuid_of(ident))
    for name in (item["id"], item["uuid"]):
        assert rest.get(f"messages/{name}").value == item
    again = rest.post("messages", {"messages": [said]}).value["results"]
    assert again == [{"status": "duplicate", "id": ident}]


async def test_one_bad_message_leaves_its_neighbours_alone(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest = Rest.login(hub, user)
    good, forged = text(user, channel, "good"), text(user, channel, "forged")
    forged = {**forged, "sig": good["sig"]}
    other = text(Key(), channel, "not mine")
    answer = rest.post("messages", {"messages": [good, {}, forged, other]})
    assert [result.get("code", result["status"]) for result in answer.value["results"]] == [
        "stored",
        "bad_request",
        "bad_sig",
        "denied",
    ]
    assert "id" not in answer.value["results"][1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": [1]},
        {"messages": {}},
        {"messages": [{}] * 101},
        [],
        {"messages": [{}], "pow": 1},
    ],
)
def test_forms_that_are_none(hub: World, body: Any) -> None:
    assert Rest.login(hub, hub.admin).post("messages", body).status == 400


async def test_pages_both_ways_while_messages_arrive(hub: World) -> None:
    """Neither gap nor double among what was there, whatever comes meanwhile, before or after it in time."""
    user, channel = await hub.member(), await hub.channel()
    rest, start = Rest.login(hub, user), now_ms() - 1_000_000
    there = [text(user, channel, f"{number}", created_at=start + number // 3) for number in range(60)]
    store(rest, *there)
    order = sorted(((item["header"]["created_at"], unb64(id_of(item))) for item in there), reverse=True)
    expected = [b64(ident) for _, ident in order]
    arrived = 0

    def walk(parameter: str) -> list[str]:
        nonlocal arrived
        found: list[str] = []
        place: Json = {} if parameter == "before" else {"after": b64(bytes(40))}
        while True:
            answer = rest.get("messages", topic=channel, limit=7, **place)
            found += ids(answer.value["items"])
            if answer.value["next"] is None:
                return found
            place = {parameter: answer.value["next"]}
            for at in (start - 10_000 + arrived, start + 5, start + 10_000 + arrived):
                store(rest, text(user, channel, "meanwhile", created_at=at))
            arrived += 1

    down = walk("before")
    assert len(down) == len(set(down))
    assert [ident for ident in down if ident in set(expected)] == expected
    up = walk("after")
    assert len(up) == len(set(up))
    assert [ident for ident in up if ident in set(expected)] == expected[::-1]


async def test_a_message_is_a_place(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest, start = Rest.login(hub, user), now_ms()
    found = store(rest, *(text(user, channel, f"{number}", created_at=start + number) for number in range(5)))
    assert ids(pages(rest, topic=channel, before=found[2])) == [found[1], found[0]]
    after = rest.get("messages", topic=channel, after=found[2]).value
    assert (ids(after["items"]), after["next"]) == (found[3:], None)
    empty = rest.get("messages", topic=channel, after=found[4])
    assert (empty.status, empty.value) == (200, {"items": [], "next": None})
    later = store(rest, text(user, channel, "5", created_at=start + 5))
    assert ids(rest.get("messages", topic=channel, after=found[4]).value["items"]) == later
    assert rest.get("messages", topic=channel, after=b64(bytes(32))).code == "404 not_found"


async def test_a_page_is_cut_by_bytes(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest = Rest.login(hub, user)
    found = [store(rest, text(user, channel, "x" * 200_000))[0] for _ in range(6)]
    page = rest.get("messages", topic=channel).value
    assert 1 <= len(page["items"]) < 6
    assert page["next"] is not None
    assert sorted(ids(pages(rest, topic=channel))) == sorted(found)


async def test_lists_that_are_none(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest = Rest.login(hub, user)
    for query in (
        {},
        {"topic": channel, "mentions": "me"},
        {"mentions": "you"},
        {"topic": "chan"},
        {"topic": channel, "limit": 0},
        {"topic": channel, "limit": 501},
        {"topic": channel, "limit": "many"},
        {"topic": channel, "before": "!"},
        {"topic": channel, "before": "AAAA"},
        {"topic": channel, "before": b64(bytes(40)), "after": b64(bytes(40))},
        {"mentions": "me", "before": "AAAA"},
    ):
        assert rest.get("messages", **query).code == "400 bad_request", query
    for topic in (
        f"chan:{b64(bytes(32))}",
        f"feed:{b64(bytes(32))}",
        f"hub:{b64(bytes(32))}",
        f"space:{b64(bytes(32))}",
    ):
        assert rest.get("messages", topic=topic).code == "404 not_found"


async def test_inboxes_are_read_by_their_owners(hub: World) -> None:
    ann, bob, carl = await hub.add_members(3)
    inbox = f"user:{bob.text}"
    rests = {key: Rest.login(hub, key) for key in (ann, bob, carl)}
    (ident,) = store(rests[ann], text(ann, inbox, "for bob"))
    assert ids(rests[bob].get("messages", topic=inbox).value["items"]) == [ident]
    assert ids(rests[ann].get("messages", topic=inbox).value["items"]) == [ident]  # what I wrote there
    assert rests[carl].get("messages", topic=inbox).value == {"items": [], "next": None}
    for path in ("", "/replies", "/references"):
        assert rests[bob].get(f"messages/{ident}{path}").status == 200
        for name in (ident, uuid_of(ident)):
            assert rests[carl].get(f"messages/{name}{path}").code == "404 not_found"
    assert rests[carl].get("messages", topic=inbox, before=ident).code == "404 not_found"


async def test_mentions(hub: World) -> None:
    ann, bob, carl = await hub.add_members(3)
    channel = await hub.channel()
    rests = {key: Rest.login(hub, key) for key in (ann, bob, carl)}

    def naming(*keys: Key) -> Json:
        return {"attention_keys": sorted((key.text for key in keys), key=unb64)}

    named = [store(rests[ann], text(ann, channel, f"{number}", **naming(bob)))[0] for number in range(7)]
    store(rests[ann], text(ann, channel, "nobody"), text(ann, channel, "carl", **naming(carl)))
    private = store(rests[ann], text(ann, f"user:{bob.text}", "psst", **naming(bob, carl)))
    assert ids(pages(rests[bob], mentions="me", limit=3)) == private + named[::-1]
    assert ids(pages(rests[bob], mentions="me", before=named[3])) == named[2::-1]
    assert ids(pages(rests[bob], mentions="me", after=named[3], limit=2, parameter="after")) == named[4:] + private
    assert len(pages(rests[carl], mentions="me")) == 1  # not what was said in bob's inbox
    assert pages(rests[ann], mentions="me") == []  # that the admin added her is no mention


async def test_answers_and_references(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest = Rest.login(hub, user)
    said = text(user, channel, "said")
    (target,) = store(rest, said)
    answers = store(rest, *(text(user, channel, f"{n}", attention_messages=[target]) for n in range(5)))
    reaction = message(user, "chat.react", channel, {"emoji": "+"}, refs=ref("react", said))
    edit = message(user, "chat.edit", channel, {"text": "edited"}, refs=ref("edit", said))
    references = store(rest, reaction, edit)
    assert ids(rest.items(f"messages/{target}/replies", limit=2)) == answers
    assert ids(rest.items(f"messages/{uuid_of(target)}/references", limit=1)) == references
    assert ids(rest.items(f"messages/{target}/references", relation="edit")) == references[1:]
    assert rest.get(f"messages/{target}/references", relation="answer").code == "400 bad_request"
    assert rest.get(f"messages/{target}/replies", cursor="AAAA").code == "400 bad_request"
    (gone,) = store(rest, message(user, "chat.delete", channel, {}, refs=ref("delete", said)))
    item = rest.get(f"messages/{target}").value
    assert set(item["message"]) == {"header", "sig"}
    assert ids(rest.items(f"messages/{target}/references", relation="delete")) == [gone]


async def test_an_unknown_message(hub: World) -> None:
    rest = Rest.login(hub, await hub.member())
    for name in (b64(bytes(32)), str(uuid.UUID(int=0)), str(uuid.uuid4()), "x", b64(bytes(31)), "a" * 43 + "!"):
        assert rest.get(f"messages/{name}").code == "404 not_found"


async def test_a_message_that_is_had_already(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    rest = Rest.login(hub, user)
    said = text(user, channel, "said")
    (ident,) = store(rest, said)
    for path in (f"messages/{ident}", f"messages?topic={channel}"):
        etag = rest.get(path).headers["etag"]
        answer = rest.get(path, headers={"If-None-Match": etag})
        assert (answer.status, answer.value, answer.headers["etag"]) == (304, None, etag)
        assert rest.get(path, headers={"If-None-Match": '"other"'}).status == 200
    etag = rest.get(f"messages/{ident}").headers["etag"]
    store(rest, message(user, "chat.delete", channel, {}, refs=ref("delete", said)))
    assert rest.get(f"messages/{ident}", headers={"If-None-Match": etag}).status == 200


async def test_mail_of_a_stranger(hub: World) -> None:
    member, stranger = await hub.member(), Key()
    guest = Rest.login(hub, None)
    mail = message(stranger, "mail.text", f"user:{member.text}", {"text": "hello"})
    without = guest.post("messages", {"messages": [mail]}).value["results"]
    assert without[0]["code"] == "pow_needed"
    challenge = guest.get("pow", purpose="mail", key=stranger.text)
    assert challenge.headers["cache-control"] == "no-store"
    counter = await asyncio.to_thread(_solve, challenge.value, id_of(mail))
    proof = {"id": id_of(mail), "challenge": challenge.value, "counter": counter}
    taken = guest.post("messages", {"messages": [mail], "pow": [proof]}).value["results"]
    assert taken == [{"status": "stored", "id": id_of(mail)}]
    found = Rest.login(hub, member).get("messages", topic=f"user:{member.text}").value["items"]
    assert ids(found) == [id_of(mail)]
    assert guest.get("pow", purpose="fun", key=stranger.text).code == "400 bad_request"
    assert guest.get("pow", purpose="mail", key="x").code == "400 bad_request"


def _solve(challenge: Json, ident: str) -> int:
    """Section 10, by hand."""
    canonical = json.dumps(challenge, sort_keys=True, separators=(",", ":")).encode()
    ch = hashlib.sha256(b"accord-v1:pow-challenge\0" + canonical + unb64(ident)).digest()
    prefix, limit = hashlib.sha256(b"accord-v1:pow\0" + ch), 1 << (256 - challenge["difficulty"])
    counter = 0
    while True:
        attempt = prefix.copy()
        attempt.update(counter.to_bytes(8, "big"))
        if int.from_bytes(attempt.digest(), "big") < limit:
            return counter
        counter += 1
