"""The hub's bot: a user of its own, whose key is `bot.key` in the hub's home, in whose name handlers speak (protocol.md
section 14).

It has an account like any member, added by the admin when it first has something to say, for one of the hub's places:
accounts + unspent invites = capacity holds with it. Its messages are judged and counted as anyone's.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Any, Final

import orjson
from django.conf import settings

from accord import messages
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.messages import SALT_BYTES
from accord.primitives import expand, lp, u64
from accord.topics import Topic as TopicName
from messaging.admission import Right
from messaging.services import message_publish
from peers.keyring import keyring, private_seed
from peers.models import Account

KEY_FILE: Final = "bot.key"
NAMES: Final = ("hub", "hub-bot")
ABOUT: Final = "The hub's bot: a program. It answers /remind and /poll."


@lru_cache(maxsize=1)
def bot_key() -> SigningKey:
    """The bot's user key, made on first use."""
    return SigningKey(private_seed(KEY_FILE))


def bot_in_use() -> bytes | None:
    """The public key of the bot, once it has an account."""
    if not (settings.ACCORD_HOME / KEY_FILE).exists():
        return None
    key = bot_key().public
    return key if Account.objects.filter(user__key=key).exists() else None


def account_ensure(*, now: int) -> None:
    """See that the bot has an account; AccordError("quota") when the admin has no invite left for it."""
    key = bot_key()
    if Account.objects.filter(user__key=key.public).exists():
        return
    taken = set(Account.objects.filter(name__in=NAMES).values_list("name", flat=True))
    name = next((name for name in NAMES if name not in taken), f"hub-{secrets.token_hex(4)}")
    ring = keyring()
    body = {"pubkey": b64encode(key.public), "account_name": name, "kind": "real"}
    added = messages.create(
        ring.admin,
        type="add_user",
        to=TopicName("hub", ring.hub.public).name,
        body=canonical(body),
        created_at=now,
    )
    try:
        message_publish(envelope=added, right=Right.ADMIN, now=now)
    except AccordError as error:
        if error.code == "quota":
            raise AccordError("quota", "the bot needs an account, and no invite is left: raise the capacity") from error
        raise
    said = orjson.dumps({"display_name": "Hub", "about": ABOUT})
    profile = messages.create(key, type="profile", to="feed", body=said, created_at=now)
    message_publish(envelope=profile, right=Right.OWN, now=now)


class Voice:
    """Signs what one job says. The same job says the same under the same ids: salt and created_at follow from it."""

    def __init__(self, *, handler: str, message: bytes, serial: int, at: int, burn_at: int | None, now: int) -> None:
        self._context = lp(handler.encode()) + message + u64(serial)
        self._at, self._burn_at, self._now = at, burn_at, now
        self._said = 0

    def say(self, type_: str, to: str, body: dict[str, Any], **fields: Any) -> bytes:
        """Sign and store a message; gives its id. AccordError as for any member."""
        number, self._said = self._said, self._said + 1
        at = self._at + number
        if self._burn_at is not None:
            fields["burn_at"] = max(self._burn_at, at + 1)
        envelope = messages.create(
            bot_key(),
            type=type_,
            to=to,
            body=orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
            created_at=at,
            salt=expand(keyring().secret, "bot-salt", self._context + u64(number), SALT_BYTES),
            **fields,
        )
        result = message_publish(envelope=envelope, right=Right.OWN, now=self._now)
        assert result.id is not None  # noqa: S101 - it is stored, or was before
        return result.id


def say_text(
    voice: Voice, topic: str, text: str, *, reply_to: str | None, mentions: list[str], reactions: list[str]
) -> None:
    """A text, and the bot's reactions under it."""
    fields: dict[str, Any] = {}
    if reply_to is not None:
        fields["attention_messages"] = [reply_to]
    if mentions:
        fields["attention_keys"] = [b64encode(key) for key in sorted({b64decode(key, 32) for key in mentions})]
    ident = b64encode(voice.say("chat.text", topic, {"text": text}, **fields))
    for emoji in reactions:
        voice.say("chat.react", topic, {"emoji": emoji}, refs=[{"rel": "react", "id": ident}])
