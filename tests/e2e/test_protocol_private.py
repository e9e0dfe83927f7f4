"""Private topics on the wire: who is told of them, who finds them by any frame or request (sections 4 and 7)."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.e2e.plain_client import (
    Connection,
    Json,
    Key,
    Refused,
    b64,
    canonical,
    expand,
    extract,
    id_of,
    label,
    message,
    now_ms,
    sha256,
)
from tests.e2e.rest import Rest
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

DAY_MS = 24 * 3600 * 1000


def sealed(author: Key, topic: str, epoch: int = 1, **fields: Any) -> Json:
    """An encrypted message, as far as a hub can tell."""
    enc = {"epoch": epoch, "win": now_ms() // DAY_MS, "kid": b64(bytes(32))}
    return message(author, "chat.text", topic, secrets.token_bytes(272), enc=enc, **fields)


class Space:
    """A space and its one channel, by messages of its founder."""

    def __init__(self, founder: Key) -> None:
        self.founder = founder
        nonces = [secrets.token_bytes(16) for _ in range(2)]
        ident = sha256(label("space") + founder.public + nonces[0])
        channel = sha256(label("channel") + founder.public + nonces[1] + ident)
        self.topic, self.channel, self.ident = f"space:{b64(ident)}", f"chan:{b64(channel)}", b64(ident)
        self.said = [message(founder, "space.create", self.topic, {"nonce": b64(nonces[0]), "name": "Garden"})]
        self.say(founder, "space.channel", {"channel": b64(channel), "nonce": b64(nonces[1]), "name": "beds"})
        secret = secrets.token_bytes(32)
        self.invite_key = Key(expand(extract(label("invite"), secret), label("space-invite")))
        body = {"pubkey": self.invite_key.text, "expires": now_ms() + DAY_MS, "uses": 3, "role": "member"}
        self.say(founder, "space.invite", body)
        self.epochs = [self.epoch(1)]

    def say(self, author: Key, type_: str, body: Json) -> Json:
        self.said.append(message(author, type_, self.topic, body, prev=[id_of(self.said[-1])]))
        return self.said[-1]

    def epoch(self, number: int) -> Json:
        member = {"user": self.founder.text, "boxkey": b64(bytes(32)), "box": b64(bytes(80))}
        body = {"epoch": number, "window_ms": DAY_MS, "kid": b64(secrets.token_bytes(32)), "members": [member]}
        body["reason"] = "create"
        if number > 1:
            body |= {"prev_epoch_hash": id_of(self.epochs[-1]), "reason": "removed"}
        return message(self.founder, "space.epoch", self.channel, body)

    def join(self, user: Key, heads: list[str]) -> Json:
        proof = self.invite_key.sign("space-join", canonical({"space": self.ident, "user": user.text}))
        body = {"pubkey": self.invite_key.text, "proof": b64(proof)}
        self.said.append(message(user, "space.join", self.topic, body, prev=heads))
        return self.said[-1]


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
