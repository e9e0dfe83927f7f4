"""Checks of the sections of a vector file about sealing and private channels (accord.vectors; section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord import bodies, connections, devices, epochs, message_types, messages
from accord.encoding import b64decode, b64encode
from accord.hpke import BoxKey, open_box, seal
from accord.keys import SigningKey
from accord.messages import Message
from accord.vector_checks import Entry, equal, refused


def _message(envelope: Any) -> Message:
    message = messages.verify(messages.parse_envelope(envelope))
    message_types.check_type(message)
    return message


def _hpke(case: dict[str, Any]) -> Iterator[Entry]:
    raw = {name: bytes.fromhex(value) for name, value in case.items()}

    def key_schedule() -> None:
        # RFC 9180's context gives key and nonce; what they encrypt without aad must be what a single shot opens.
        cipher = AESGCM(raw["key"])
        equal(cipher.decrypt(raw["base_nonce"], raw["ciphertext"], raw["aad"]), raw["plaintext"])
        box = raw["enc"] + cipher.encrypt(raw["base_nonce"], raw["plaintext"], b"")
        equal(open_box(raw["private"], raw["info"], box), raw["plaintext"])
        equal(BoxKey(raw["private"]).public, raw["public"])

    yield "key schedule", key_schedule


def _channel(case: dict[str, Any]) -> Iterator[Entry]:
    keys = [bytes.fromhex(key) for key in case["window_keys"]]
    first = case["first_window"]

    def windows() -> None:
        secret = bytes.fromhex(case["epoch_secret"])
        equal(epochs.epoch_kid(secret).hex(), case["epoch_kid"])
        equal(epochs.first_window_key(secret, first), keys[0])
        equal([epochs.window_key_at(keys[0], first, first + n) for n in range(len(keys))], keys)
        refused(lambda: epochs.window_key_at(keys[1], first + 1, first), "gone")

    def body() -> None:
        message = _message(case["envelope"])
        key = keys[message.header["enc"]["win"] - first]
        plaintext = bytes.fromhex(case["plaintext"])
        equal(bodies.open_body(message, key, window_ms=case["window_ms"]), plaintext)
        message_types.read_plaintext(message.type, plaintext)
        own = bodies.message_key(key, message.salt or b"", message.author)
        equal(b64encode(own), case["message_key"])
        equal(bodies.open_with_message_key(message, own), plaintext)

    def made() -> None:
        message = _message(case["envelope"])
        enc = message.header["enc"]
        again = bodies.create_encrypted(
            SigningKey(bytes.fromhex(case["author"])),
            type=message.type,
            to=message.header["to"],
            body=bytes.fromhex(case["plaintext"]),
            created_at=message.created_at,
            epoch=enc["epoch"],
            win=enc["win"],
            window_key=keys[enc["win"] - first],
            salt=message.salt,
        )
        equal(again, case["envelope"])

    yield "windows", windows
    yield "body", body
    yield "made again", made
    for one in case["neighbours"]:

        def neighbour(one: Any = one) -> None:
            key = bytes.fromhex(one["window_key"])
            opened = bodies.open_body(_message(one["envelope"]), key, window_ms=case["window_ms"])
            equal(opened.hex(), case["plaintext"])

        yield one["why"], neighbour
    for row in case["padded"]:

        def check(row: Any = row) -> None:
            padded = bodies.pad(b"\x80" * row["plaintext_length"])
            equal(len(padded), row["padded_length"])
            equal(len(bodies.unpad(padded)), row["plaintext_length"])

        yield f"padding {row['plaintext_length']}", check
    for row in case["unpad_reject"]:
        yield row["why"], partial(refused, partial(bodies.unpad, bytes.fromhex(row["padded"])), "bad_request")


def _channel_reject(case: dict[str, Any]) -> Iterator[Entry]:
    for one in case["cases"]:

        def check(one: Any = one) -> None:
            message, key = _message(one["envelope"]), bytes.fromhex(one["window_key"])
            refused(lambda: bodies.open_body(message, key, window_ms=case["window_ms"]), one["code"])

        yield one["why"], check


def _epoch_box(case: dict[str, str]) -> Iterator[Entry]:
    def check() -> None:
        private, info = bytes.fromhex(case["boxkey_private"]), bytes.fromhex(case["info"])
        plaintext = bytes.fromhex(case["plaintext"])
        equal(open_box(private, info, bytes.fromhex(case["box"])), plaintext)
        equal(open_box(private, info, seal(BoxKey(private).public, info, plaintext)), plaintext)

    yield "box", check


def _epochs(case: dict[str, Any]) -> Iterator[Entry]:
    """Whole messages of one channel: who opens what, and which of them are the line."""
    by_name = {name: _message(envelope) for name, envelope in case["messages"].items()}
    held = [by_name[name] for name in case["messages"] if by_name[name].type == "space.epoch"]
    names = {message.id: name for name, message in by_name.items()}

    def line() -> None:
        for order in (held, held[::-1]):
            found = epochs.epoch_line(epochs.whole_epochs(order))
            equal([names[epoch.ident] for epoch in found], case["line"])
            equal([len(epoch.recipients) for epoch in found], case["recipients"])
            for late in case["late"]:
                equal(epochs.is_late(found, late["epoch"], late["created_at"]), late["late"])

    yield "line", line
    for one in case["opens"]:

        def opens(one: Any = one) -> None:
            boxkey, user, message = (
                BoxKey(bytes.fromhex(one["private"])),
                b64decode(one["user"]),
                by_name[one["message"]],
            )
            opener = epochs.open_epoch if message.type == "space.epoch" else epochs.open_history
            equal(opener(message, boxkey, user).hex(), one["secret"])

        yield f"{one['message']} opens", opens
    for one in case["reject"]:

        def rejects(one: Any = one) -> None:
            boxkey, user, message = (
                BoxKey(bytes.fromhex(one["private"])),
                b64decode(one["user"]),
                by_name[one["message"]],
            )
            opener = epochs.open_epoch if message.type == "space.epoch" else epochs.open_history
            refused(lambda: opener(message, boxkey, user), one["code"])

        yield one["why"], rejects


def _devices(case: dict[str, Any]) -> Iterator[Entry]:
    for one in case["cases"]:

        def check(one: Any = one) -> None:
            feed = [_message(case["messages"][name]) for name in one["messages"]]
            for order in (feed, feed[::-1]):
                living = devices.living_devices(order, one["now"])
                equal([b64encode(device.boxkey) for device in living], one["living"])

        yield one["why"], check


def _connection(case: dict[str, Any]) -> Iterator[Entry]:
    request, accept = _message(case["request"]), _message(case["accept"])

    def check() -> None:
        asker, accepter = (BoxKey(bytes.fromhex(case[name])) for name in ("requester_private", "accepter_private"))
        equal(connections.first_accept(request, [accept]), accept)
        for own, other in ((asker, accepter), (accepter, asker)):
            key = connections.connection_key(own, other.public, request, accept)
            equal(key.hex(), case["key"])
            equal(connections.connection_epoch(key, accept.created_at).secret.hex(), case["epoch_secret"])
        equal(connections.connection_topic(request.id, accept.id), case["topic"])

    def first() -> None:
        answers = [_message(envelope) for envelope in case["answers"]]
        equal(b64encode(getattr(connections.first_accept(request, answers), "id", b"")), case["first"])

    yield "key", check
    yield "first accept", first
    for one in case["no_accept"]:

        def none(one: Any = one) -> None:
            equal(connections.first_accept(request, [_message(one["envelope"])]), None)

        yield one["why"], none


ALONE: Final[dict[str, Callable[[Any], Iterator[Entry]]]] = {
    "hpke": _hpke,
    "channel": _channel,
    "channel_reject": _channel_reject,
    "epoch_box": _epoch_box,
    "epochs": _epochs,
    "devices": _devices,
    "connection": _connection,
}
