"""Private topics on the wire: who is told of them, who finds them by any frame or request (sections 4 and 7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.plain_client import (
    Connection,
    Key,
    Refused,
    id_of,
)
from tests.e2e.rest import Rest
from tests.e2e.spaces import Space, sealed
from tests.e2e.world import World

pytestmark = pytest.mark.e2e


async def refusal(session: Connection, ask: str, **fields: Any) -> str:
    """The code with which a frame is refused."""
    with pytest.raises(Refused) as refused:
        await session.ask(ask, **fields)
    return str(refused.value.code)


async def test_a_space_from_its_making_to_a_removal(hub: World) -> None:
    ada, bob, eve = await hub.add_members(3)
    space = Space(ada)
    async with await hub.connect(ada) as one, await hub.connect(bob) as two, await hub.connect(eve) as outside:
        await one.store(*space.said, *space.epochs)
        told = await one.until(lambda: [frame for frame in one.frames if frame.get("topic") == space.channel])
        assert told[0]["type"] == "topic_added"
        assert (told[0]["name"], told[0]["space"], told[0]["encrypted"]) == ("beds", space.ident, True)

        link = f"spaces/{space.ident}/invite?pubkey={space.invite_key.text}"
        shown = Rest.login(hub, bob).get(link).value
        assert (shown["name"], shown["members"], shown["uses_left"]) == ("Garden", 1, 3)
        assert shown["heads"] == [id_of(space.said[-1])]
        assert Rest.login(hub, eve).get(link.replace(space.invite_key.text, Key().text)).code == "404 not_found"
        await two.store(space.join(bob, shown["heads"]))
        await two.until(lambda: [frame for frame in two.frames if frame.get("topic") == space.channel])
        await two.subscribe(topics=[space.topic, space.channel])
        await one.subscribe(topics=[space.channel])

        said = sealed(ada, space.channel, attention_keys=[eve.text])
        await one.store(said)
        await two.until_delivered(said)
        answer = sealed(bob, space.channel, attention_messages=[id_of(said)])
        await two.store(answer)

        await outside.subscribe(keys=[ada.text, bob.text, eve.text], messages=[id_of(said)])
        listed = await outside.topics()
        assert not {space.topic, space.channel} & listed.keys()
        for topic in (space.topic, space.channel):
            for ask, fields in (("fetch", {"topic": topic}), ("subscribe", {"topics": [topic]})):
                assert await refusal(outside, ask, **fields) == "not_found"
            assert await refusal(outside, "signal", to=topic, body={"typing": True}) == "not_found"
        rest = Rest.login(hub, eve)
        for path in (
            f"topics/{space.channel}",
            f"topics/{space.topic}",
            f"topics/{space.channel}/root",
            f"topics/{space.channel}/pruned",
            f"messages?topic={space.channel}",
            f"messages?topic={space.topic}",
            f"messages/{id_of(said)}",
            f"messages/{id_of(said)}/proof",
            f"channels/{space.channel}",
        ):
            assert rest.get(path).code == "404 not_found", path
        assert rest.get("messages?mentions=me").value["items"] == []
        assert Rest.login(hub, bob).get(f"topics/{space.channel}").value["role"] == "member"

        space.say(ada, "space.member", {"user": bob.text, "role": "none"})
        space.epochs.append(space.epoch(2))
        last = sealed(ada, space.channel, 2)
        await one.store(space.said[-1], space.epochs[-1], last)
        gone = await two.until(lambda: [frame for frame in two.frames if frame["type"] == "topic_gone"])
        assert {frame["topic"] for frame in gone} <= {space.topic, space.channel}
        assert await refusal(two, "fetch", topic=space.channel) == "not_found"
        assert not {space.topic, space.channel} & (await two.topics()).keys()
        assert await two.outcome(sealed(bob, space.channel)) == "not_found"
        shown_to_bob = {id_of(item["message"]) for item in two.delivered()}
        assert id_of(said) in shown_to_bob
        assert not {id_of(last), id_of(space.epochs[-1])} & shown_to_bob
        assert not [
            item for item in outside.delivered() if item["message"]["header"]["to"] in (space.topic, space.channel)
        ]
