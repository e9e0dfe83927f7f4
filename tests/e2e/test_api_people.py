"""Blocked people and reports over the REST API of a real hub, and what live sessions hear of them."""

from __future__ import annotations

import pytest

from tests.e2e.plain_client import Key, certificate, id_of, message, text
from tests.e2e.rest import Rest
from tests.e2e.world import World, new_name

pytestmark = pytest.mark.e2e


async def test_marks_follow_to_all_devices_of_their_author_alone(hub: World) -> None:
    ann, bob = await hub.add_members(2)
    mark = message(ann, "contact.mark", hub.topic, {"pubkey": bob.text, "state": "blocked"})
    async with await hub.connect(ann) as device, await hub.connect(bob) as other, await hub.connect(hub.admin) as admin:
        for session, user in ((device, ann), (other, bob)):
            await session.subscribe(keys=[user.text])
        await admin.subscribe(topics=[hub.topic], keys=[ann.text, bob.text])
        rest = Rest.login(hub, ann)
        assert rest.post("messages", {"messages": [mark]}).value["results"][0]["status"] == "stored"
        last = text(bob, "feed", f"for {ann.text} to see", attention_keys=[ann.text])
        await other.store(last)
        await device.until_delivered(mark, last)
        await admin.until_delivered(last)
        assert id_of(mark) not in {id_of(item["message"]) for item in (*admin.delivered(), *other.delivered())}
    (item,) = rest.items("contacts")
    assert (item["key"], item["state"]) == (bob.text, "blocked")
    assert Rest.login(hub, bob).items("contacts") == []
    assert Rest.login(hub, hub.admin).items("contacts") == []


async def test_a_report_is_judged_by_whoever_invited(hub: World) -> None:
    ann, dora = await hub.member(invites=3), await hub.member()
    bob = Key()
    async with await hub.connect(ann) as session:
        await session.store(hub.add_user(ann, bob, new_name()))
        await session.subscribe(keys=[ann.text])
        spam = text(bob, "feed", "boats, boats, boats")
        async with await hub.connect(bob) as other:
            await other.store(spam)
        body = {"pubkey": bob.text, "reason": "spam", "text": "each hour", "messages": [id_of(spam)]}
        report = message(dora, "report", hub.topic, body)
        reporter, judge, reported = (Rest.login(hub, key) for key in (dora, ann, bob))
        made = reporter.post("reports", {"message": report})
        assert (made.status, made.value["state"]) == (201, "open")
        await session.until_delivered(report)
    (waiting,) = judge.items("reports")
    assert (waiting["id"], waiting["reporter"]["key"], waiting["quoted"]) == (id_of(report), dora.text, 1)
    assert [item["message"] for item in waiting["messages"]] == [spam]
    assert reported.items("reports") == reporter.items("reports") == []
    path = f"reports/{id_of(report)}/close"
    closing = {"report": id_of(report), "verdict": "warned", "text": "Once a week."}
    assert reporter.post(path, {"message": message(dora, "report.close", hub.topic, closing)}).code == "404 not_found"
    closed = judge.post(path, {"message": message(ann, "report.close", hub.topic, closing)})
    assert (closed.status, closed.value["state"]) == (200, "warned")
    assert judge.items("reports") == []
    (warning,) = reported.items("reports", of="warnings")
    assert (warning["reporter"], warning["answer"], warning["messages"]) == (None, "Once a week.", [])
    assert reporter.items("reports", of="mine")[0]["state"] == "warned"


def test_a_stranger_has_no_token(hub: World) -> None:
    user, client = Key(), Key()
    answer = Rest.of(hub).log_in(hub, user, client=client, cert=certificate(user, client, hub.key, scope=["mail"]))
    assert answer.code == "403 denied"
