"""Spaces as a plain client makes them, for hubs that see no more than that something is sealed."""

from __future__ import annotations

import secrets
from typing import Any

from tests.e2e.plain_client import (
    DAY_MS,
    Json,
    Key,
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
