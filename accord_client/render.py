"""Messages as a person or a program reads them: lines of text (cleaned for a terminal), JSON objects (as they are).

Rights are the hub's to judge: what it holds and delivers is shown. Not here: decryption (section 7).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.message_types import RULES, check_type, read_body
from accord.messages import Message, message_uuid
from accord_client.directory import Directory
from accord_client.events import Deliver
from accord_client.terminal import clean_line, clean_lines, quote

MAX_REMEMBERED: Final = 5_000
KNOWN_FIELDS: Final = frozenset(
    {"v", "type", "from", "to", "created_at", "tz", "attention_keys", "attention_messages", "refs", "prev", "burn_at"}
    | {"enc", "body_hash", "body_size", "crit"}
)
QUIET: Final = frozenset({"device.keys", "space.epoch", "space.history"})  # between programs: nothing for people
WORDS: Final = {
    "connection.request": "asks for a private conversation (`accord connections`)",
    "connection.accept": "accepts the private conversation",
    "connection.decline": "declines the private conversation",
    "space.create": "makes this space",
    "space.profile": "says what the space is called",
    "space.join": "joins the space",
    "space.leave": "leaves the space",
    "space.member": "changes who is in the space",
    "space.channel": "changes a channel of the space",
    "space.invite": "gives an invite into the space",
}
TEXTS: Final = frozenset({"chat.text", "mail.text", "import.text"})


def may_show(message: Message, now: int) -> bool:
    """Whether a message may be shown at time `now` (ms): not burned, and nothing critical in it is unknown."""
    return KNOWN_FIELDS.issuperset(message.crit) and not (message.burn_at is not None and message.burn_at <= now)


def body_of(message: Message) -> dict[str, Any] | None:
    """The checked body of a clear message of a known type; None where it cannot be read."""
    if message.type not in RULES or message.encrypted or message.body is None:
        return None
    try:
        check_type(message)
        return read_body(message)
    except RemoteError:
        return None


def as_json(event: Deliver, directory: Directory) -> bytes:
    """One line for a program; `body` is the parsed body, absent where there is none or it is encrypted."""
    message = event.message
    value: dict[str, Any] = {
        "cursor": event.cursor,
        "id": b64encode(message.id),
        "uuid": str(message_uuid(message.id)),
        "type": message.type,
        "topic": message.topic.name,
        "from": b64encode(message.author),
        "created_at": message.created_at,
        "header": message.header,
    }
    if (name := directory.find_name(message.author)) is not None:
        value["name"] = name
    if message.body is not None and not message.encrypted:
        try:
            value["body"] = orjson.loads(message.body)
        except orjson.JSONDecodeError:
            value["body_base64"] = b64encode(message.body)
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def clock_time(created_at: int, now: int) -> str:
    """Local time: hours and minutes, with the date unless it is today's."""
    when = datetime.fromtimestamp(created_at / 1000, UTC).astimezone()
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone().date()
    return when.strftime("%H:%M" if when.date() == today else "%Y-%m-%d %H:%M")


def size_words(size: int) -> str:
    """How much a number of bytes is, in words."""
    kib = -(-size // 1024)
    return f"{kib} KiB" if kib < 1024 else f"{kib / 1024:.1f} MiB"


def text_of(message: Message, body: dict[str, Any] | None) -> str:
    """What a message says, uncleaned."""
    if message.encrypted:
        return "[encrypted]"
    if message.body is None:
        return "[deleted]"
    if body is None:
        return f"[{message.type}]"
    if message.type == "mail.text" and body.get("subject"):
        return f"{body['subject']}\n{body['text']}"
    if message.type == "profile":
        return f"is now shown as {body['display_name']}"
    if "text" not in body:
        return f"[{message.type}]"
    files = [f"[file {file['name']}, {size_words(file['size'])}]" for file in body.get("files", [])]
    return "\n".join([body["text"], *files] if body["text"] else files)


@dataclass(frozen=True, slots=True)
class _Remembered:
    author: str
    text: str


class Renderer:
    """Turns messages into lines, and remembers the last ones for those that refer to them."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()

    def knows(self, ident: bytes) -> bool:
        return ident in self._known

    def remember(self, message: Message, text: str | None = None) -> None:
        """Keep what a message said, for quotations; `text` where an edit has changed it."""
        if text is None:
            text = text_of(message, body_of(message))
        self._keep(message.id, _Remembered(self.author(message), text))

    def _keep(self, ident: bytes, item: _Remembered) -> None:
        self._known[ident] = item
        self._known.move_to_end(ident)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def author(self, message: Message) -> str:
        """Whom to name before the colon; of an imported message the author in its source."""
        name = clean_line(self._directory.name_of(message.author))
        body = body_of(message) if message.type == "import.text" else None
        return f"{clean_line(body['author'])} (by {name})" if body else name

    def refers_to(self, message: Message) -> bytes | None:
        """The first message that this one is about."""
        if message.refs:
            return message.refs[0][1]
        return message.attention_messages[0] if message.attention_messages else None

    def line(self, message: Message, now: int) -> str:
        """One message as it comes, edits and the like in words; without the line end."""
        where = clean_line(self._directory.label(message.topic))
        head = f"{clock_time(message.created_at, now)} {where} {self.author(message)}"
        body = body_of(message)
        if body is None or message.type in TEXTS:
            said = f"{head}: {self.reply_words(message)}{clean_lines(text_of(message, body))}{burning(message, now)}"
            self.remember(message)
            return said
        return f"{head} {self._in_words(message, body)}"

    def _in_words(self, message: Message, body: dict[str, Any]) -> str:
        if message.type == "chat.edit":
            target, text = message.refs[0][1], str(body["text"])
            known = self._known.get(target)
            if known is not None:
                self._keep(target, _Remembered(known.author, text))
            return f"edited {self._the_message(target, known)} to: {clean_lines(text)}"
        if message.type == "chat.delete":
            return "deleted " + " and ".join(self._deleted(ident) for _, ident in message.refs)
        if message.type == "chat.react":
            emoji = clean_line(body["emoji"]) or "?"
            verb = f"took back {emoji} from" if body.get("off") else f"reacted {emoji} to"
            return f"{verb} {self._the_message(message.refs[0][1])}"
        if message.type == "chat.pin":
            return f"{'unpinned' if body.get('off') else 'pinned'} {self._the_message(message.refs[0][1])}"
        if message.type in WORDS:
            return WORDS[message.type]
        return clean_lines(text_of(message, body))

    def _the_message(self, ident: bytes, known: _Remembered | None = None) -> str:
        known = known or self._known.get(ident)
        return f"{known.author}: {quote(known.text)}" if known else "an earlier message"

    def _deleted(self, ident: bytes) -> str:
        known = self._known.pop(ident, None)
        return f"a message of {known.author}" if known else "an earlier message"

    def reply_words(self, message: Message) -> str:
        if not message.attention_messages:
            return ""
        return f"[to {self._the_message(message.attention_messages[0])}] "


def burning(message: Message, now: int) -> str:
    """How long a burning message has left, in words; nothing for others."""
    if message.burn_at is None:
        return ""
    return f" (burns in {max(0, (message.burn_at - now) // 1000)} s)"
