"""messages.js and message_types.js give the answers of Python: created messages, and a thousand spoiled ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from playwright.async_api import Page

from accord import message_types, messages
from accord.encoding import b64decode, b64encode, canonical, parse_json
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.primitives import labelled_hash
from tests.accord import support
from tests.accord.support import CHANNEL, HUB_TOPIC, KEY, NOW, OTHER, TYPE_CASES, USER, paths, put
from tests.web.agreement import ODD, agree, bit_flipped, json_of, made, scarred, shown, without

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def _signed(header: dict[str, Any], body: bytes, salt: bytes = bytes(16), author: SigningKey = USER) -> dict[str, Any]:
    """An envelope of any header whatever, hashed and signed where that can be done."""
    try:
        signature = author.sign("event", canonical(header))
    except RemoteError:
        signature = bytes(64)
    return messages.envelope_json(header, signature, salt, body)


def _envelope(type_: str, to: str, body: Any, **fields: Any) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else canonical(body)
    return messages.create(USER, type=type_, to=to, body=data, created_at=NOW, salt=bytes(16), **fields)


ENVELOPES = [_envelope(type_, to, body, **fields) for type_, to, body, fields in TYPE_CASES]
ENVELOPES.append(
    _envelope(
        "chat.edit",
        CHANNEL,
        {"text": "x"},
        tz=1,
        attention_keys=sorted([KEY, b64encode(USER.public)], key=b64decode),
        attention_messages=[KEY],
        refs=[{"rel": "edit", "id": KEY}],
        burn_at=NOW + 1,
        crit=["a", "b"],
        of_tomorrow={"list": [1, "x"]},
    )
)
ENVELOPES.append(_envelope("text", f"round:{KEY}", b"\xff", prev=[KEY], enc={"epoch": 1, "win": 0, "kid": KEY}))
HEADER_FIELDS = (
    "v", "type", "from", "to", "created_at", "tz", "attention_keys", "attention_messages", "refs", "prev", "burn_at",
    "enc", "body_hash", "body_size", "crit", "of_tomorrow", "constructor", "Bad-Key",
)  # fmt: skip


def _rehashed(envelope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The envelope with another body, in all else as if its author had meant it."""
    digest = labelled_hash("body", bytes(16) + body)
    return _signed({**envelope["header"], "body_hash": b64encode(digest), "body_size": len(body)}, body)


def _mutants(dice: random.Random) -> Iterable[dict[str, Any]]:
    """Envelopes of which something is changed: unsigned changes, signed ones, bodies, single bits, missing parts."""
    for envelope in ENVELOPES[-2:]:  # the richest ones: every field, every odd value
        for field, odd in product(HEADER_FIELDS, ODD):
            yield _signed({**envelope["header"], field: odd}, b64decode(envelope["body"]))
    for envelope in ENVELOPES:
        body, sig = b64decode(envelope["body"]), b64decode(envelope["sig"])
        for field in HEADER_FIELDS:
            yield _signed({**envelope["header"], field: dice.choice(ODD)}, body)
        for path in dice.sample(list(paths(envelope)), 6):
            yield put(envelope, path, dice.choice(ODD))
        for field in dice.sample(sorted(envelope["header"]), 3):
            yield _signed(without(envelope["header"], field), body)
        yield from (without(envelope, field) for field in envelope)
        yield without(without(envelope, "salt"), "body")
        yield {**envelope, "more": 1}
        yield {**envelope, "sig": b64encode(bit_flipped(dice, sig))}
        yield {**envelope, "salt": b64encode(bit_flipped(dice, bytes(16)))}
        yield {**envelope, "body": b64encode(bit_flipped(dice, body)) if body else "AA"}
        yield _signed(envelope["header"], body, author=OTHER)
        for _ in range(6):
            yield _rehashed(envelope, scarred(dice, body.decode("latin-1")).encode())
        value = json.loads(body) if body[:1] == b"{" else {}
        for field in (*value, "of_tomorrow"):
            yield _rehashed(envelope, json_of({**value, field: dice.choice(ODD)}).encode("utf-8"))


def _message(text: str) -> str:
    message = messages.verify(messages.parse_envelope(parse_json(text, max_bytes=2**20)))
    message_types.check_type(message)
    is_clear = message.type in message_types.RULES and not message.encrypted and message.body is not None
    body = shown(message_types.read_body(message)) if is_clear else ""
    return f"{b64encode(message.id)} {message.header_bytes.decode()} {body}"


async def test_mutated_messages(accord: Page) -> None:
    cases = [json_of(envelope) for envelope in (*ENVELOPES, *_mutants(random.Random(4)))]
    assert len(cases) > 1_000
    await agree(accord, "message", cases, _message, "bad_request", "bad_encoding", "bad_sig", "unsupported", "too_big")


async def test_large_bodies(accord: Page) -> None:
    cases = []
    for size in (messages.MAX_BODY_BYTES, messages.MAX_BODY_BYTES + 1):
        envelope = _rehashed(ENVELOPES[0], b"x" * size)
        cases.append(json_of(_signed({**envelope["header"], "type": "x"}, b"x" * size)))
    cases.append(json_of({**json.loads(cases[0]), "body": "A" * 400_000}))
    for depth in (1023, 1024):  # of a field that nobody knows, inside the object
        nest = b"[" * depth + b"]" * depth
        cases.append(json_of(_rehashed(ENVELOPES[0], b'{"of_tomorrow":' + nest + b',"text":""}')))
    await agree(accord, "message", cases, _message, "too_big", "bad_request")


async def test_created_messages_are_the_same(accord: Page) -> None:
    dice = random.Random(5)
    ids = [b64encode(dice.randbytes(32)) for _ in range(40)]
    wanted: list[dict[str, Any]] = []
    for number in range(100):
        optional: dict[str, Any] = {
            "tz": dice.randrange(-840, 841),
            "attentionKeys": sorted(dice.sample(ids, dice.randrange(1, 32)), key=b64decode),
            "attentionMessages": dice.sample(ids, dice.randrange(1, 32)),
            "refs": [
                {"rel": dice.choice(["edit", "pin"]), "id": item} for item in dice.sample(ids, dice.randrange(1, 16))
            ],
            "burnAt": NOW + dice.randrange(1, messages.MAX_BURN_MS),
            "extra": {"of_tomorrow": {"a": [True, "\u20ac\x01"]}},
        }
        chosen = {name: value for name, value in optional.items() if dice.random() < 0.5}
        to = dice.choice(["feed", CHANNEL, HUB_TOPIC])
        wanted.append({"type": "chat.text", "to": to, "createdAt": NOW + number, **chosen})
    bodies = [canonical(value) for value in made(support.objects, len(wanted))][: len(wanted)]
    salts = [dice.randbytes(16) for _ in wanted]
    batch = list(zip(wanted, map(b64encode, bodies), map(b64encode, salts), strict=False))
    found = await accord.evaluate(
        """async ([seed, batch]) => {
          const { b64decode } = accord.encoding;
          const author = await accord.keys.signingKeyFromSeed(b64decode(seed));
          return Promise.all(JSON.parse(batch).map(([options, body, salt]) => accord.messages.createMessage(
            author, { ...options, body: b64decode(body), salt: b64decode(salt) })));
        }""",
        [b64encode(USER.seed), json.dumps(batch)],
    )
    assert found
    named = {"attentionKeys": "attention_keys", "attentionMessages": "attention_messages", "burnAt": "burn_at"}
    for options, body, salt, envelope in zip(wanted, bodies, salts, found, strict=False):
        fields = {named.get(name, name): value for name, value in options.items()}
        fields |= fields.pop("extra", {})
        at = fields.pop("createdAt")
        assert messages.create(USER, body=body, salt=salt, created_at=at, **fields) == envelope
        messages.verify(messages.parse_envelope(envelope))


async def test_fresh_keys_and_salts(accord: Page) -> None:
    """What the page makes with its own random values is good in Python, and no two are alike."""
    found = await accord.evaluate(
        """async () => Promise.all(Array.from({ length: 20 }, async () => {
          const author = await accord.keys.generateSigningKey();
          return accord.messages.createMessage(author, {
            type: "chat.text", to: "feed", createdAt: 1, attentionKeys: [], refs: [], body: new Uint8Array(3) });
        }))"""
    )
    ids = {messages.verify(messages.parse_envelope(envelope)).id for envelope in found}
    assert len(ids) == len({envelope["salt"] for envelope in found}) == 20
    assert all(set(envelope["header"]) & {"attention_keys", "refs"} == set() for envelope in found)
