from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64encode, canonical
from accord.errors import RemoteError
from accord.messages import (
    MAX_BODY_BYTES,
    MAX_BURN_MS,
    MAX_HEADER_BYTES,
    TIME_LIMIT_MS,
    Message,
    create,
    envelope_json,
    message_uuid,
    parse_envelope,
    verify,
)
from accord.topics import Topic
from tests.accord.support import NOW, OTHER, USER, code_of, keys, put, quick, values

IDS = [bytes([number]) * 32 for number in range(40)]
KEYS = [b64encode(ident) for ident in IDS]  # rising, as IDS are
CHAN, SPACE, ROUND = f"chan:{KEYS[1]}", f"space:{KEYS[1]}", f"round:{KEYS[1]}"
BODY, SALT = b'{"text":"hello"}', bytes(16)
KNOWN = {
    "v",
    "type",
    "from",
    "to",
    "created_at",
    "tz",
    "attention_keys",
    "attention_messages",
    "refs",
    "prev",
    "burn_at",
}
KNOWN |= {"enc", "body_hash", "body_size", "crit"}
ABSENT = object()


def _header(**changes: Any) -> dict[str, Any]:
    header = {
        "v": 1,
        "type": "chat.text",
        "from": b64encode(USER.public),
        "to": CHAN,
        "created_at": NOW,
        "body_hash": b64encode(hashlib.sha256(b"accord-v1:body\0" + SALT + BODY).digest()),
        "body_size": len(BODY),
        **changes,
    }
    return {name: value for name, value in header.items() if value is not ABSENT}


def _seal(header: dict[str, Any]) -> dict[str, Any]:
    """Signed without a look at the header: what a hostile author can send."""
    data = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return envelope_json(header, USER.sign("event", data), SALT, BODY)


def _code(value: object) -> str | None:
    return code_of(lambda: verify(parse_envelope(value)))


# ------------------------------------------------------------------------------------------------------ create and read

_key_lists = st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=32).map(sorted)
_optional = {
    "tz": st.integers(-840, 840),
    "attention_keys": _key_lists.map(lambda items: [b64encode(item) for item in items]),
    "attention_messages": st.lists(st.sampled_from(KEYS), min_size=1, max_size=32, unique=True),
    "refs": st.lists(
        st.fixed_dictionaries(
            {"rel": st.sampled_from(["edit", "delete", "react", "pin"]), "id": st.sampled_from(KEYS)}
        ),
        min_size=1,
        max_size=16,
    ),
    "enc": st.fixed_dictionaries(
        {"epoch": st.integers(1, 2**53 - 1), "win": st.integers(0, 2**53 - 1), "kid": st.sampled_from(KEYS)}
    ),
    "crit": st.sets(keys, min_size=1, max_size=8).map(sorted),
}
_chain = {"prev": _key_lists.filter(lambda items: len(items) <= 16).map(lambda items: [b64encode(i) for i in items])}
_unknown = st.dictionaries(keys.filter(lambda name: name not in KNOWN), values, max_size=2)


@quick
@given(
    to=st.sampled_from(["feed", CHAN, SPACE, ROUND, f"user:{KEYS[2]}", f"group:{KEYS[2]}", f"hub:{KEYS[2]}"]),
    type_=st.from_regex(r"[a-z][a-z0-9._-]{0,63}", fullmatch=True),
    created_at=st.integers(0, TIME_LIMIT_MS - 1),
    body=st.binary(max_size=100),
    salt=st.binary(min_size=16, max_size=16),
    some=st.fixed_dictionaries({}, optional=_optional),
    unknown=_unknown,
    data=st.data(),
)
def test_create_parse_verify(to, type_, created_at, body, salt, some, unknown, data):
    fields = {**unknown, **some}
    chain = to in (SPACE, ROUND)
    if chain:
        fields |= data.draw(st.fixed_dictionaries({}, optional=_chain))
    elif data.draw(st.booleans()):
        fields["burn_at"] = data.draw(st.integers(created_at + 1, created_at + MAX_BURN_MS))
    envelope = json.loads(
        json.dumps(create(USER, type=type_, to=to, body=body, created_at=created_at, salt=salt, **fields))
    )
    message: Message = verify(parse_envelope(envelope))

    kind, _, ident = to.partition(":")
    raw_ident = base64.urlsafe_b64decode(ident + "=") if ident else USER.public
    assert message.topic == Topic(kind, raw_ident)
    assert message.topic.name == (to if ident else f"feed:{b64encode(USER.public)}")
    assert (message.type, message.author, message.created_at) == (type_, USER.public, created_at)
    assert (message.salt, message.body) == (salt, body)
    assert message.burn_at == fields.get("burn_at")
    assert message.encrypted == ("enc" in fields)
    assert message.crit == fields.get("crit", [])
    assert [b64encode(key) for key in message.attention_keys] == fields.get("attention_keys", [])
    assert [b64encode(ident) for ident in message.attention_messages] == fields.get("attention_messages", [])
    assert [{"rel": rel, "id": b64encode(ident)} for rel, ident in message.refs] == fields.get("refs", [])
    assert fields.items() <= message.header.items()

    written = json.dumps(message.header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert message.header_bytes == written
    assert message.id == hashlib.sha256(b"accord-v1:event-id\0" + written).digest()
    assert message.size == len(written) + 64 + 16 + len(body)
    assert envelope_json(message.header, message.sig, message.salt, message.body) == envelope


def test_salts_are_fresh():
    made = [create(USER, type="chat.text", to=CHAN, body=BODY, created_at=NOW) for _ in range(2)]
    assert made[0]["salt"] != made[1]["salt"]
    assert made[0]["header"]["body_hash"] != made[1]["header"]["body_hash"]


def test_create_refuses_what_a_hub_would():
    with pytest.raises(RemoteError, match="rising"):
        create(USER, type="chat.text", to=CHAN, body=BODY, created_at=NOW, attention_keys=[KEYS[2], KEYS[1]])


@quick
@given(st.binary(min_size=32, max_size=32))
def test_uuid_holds_the_id_but_for_six_bits(ident):
    made = message_uuid(ident)
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    mask = int.from_bytes(b"\xff" * 6 + b"\x0f\xff\x3f" + b"\xff" * 7, "big")
    assert made.int & mask == int.from_bytes(ident[:16], "big") & mask


# --------------------------------------------------------------------------------------------------------------- limits


def _header_of(size: int) -> dict[str, Any]:
    room = size - len(canonical(_header(filler="")))
    header = _header(filler="x" * room)
    assert len(canonical(header)) == size
    return header


def test_header_limit():
    assert MAX_HEADER_BYTES == 16 * 1024
    assert _code(_seal(_header_of(MAX_HEADER_BYTES))) is None
    assert _code(_seal(_header_of(MAX_HEADER_BYTES + 1))) == "too_big"


def test_header_limit_is_in_bytes():
    assert _code(_seal(_header(filler="é" * 8192))) == "too_big"


def _with_body(body: bytes, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(b"accord-v1:body\0" + SALT + body).digest()
    header = _header(**{"body_hash": b64encode(digest), "body_size": len(body), **changes})
    return {**_seal(header), "body": b64encode(body)}


def test_body_limit():
    assert MAX_BODY_BYTES == 256 * 1024
    assert _code(_with_body(bytes(MAX_BODY_BYTES))) is None
    assert _code(_with_body(bytes(MAX_BODY_BYTES + 1))) == "too_big"
    assert _code(_with_body(bytes(MAX_BODY_BYTES + 1), body_size=5)) == "too_big"  # before it is decoded
    assert _code(_with_body(b"")) is None


def test_envelope_without_body():
    whole = _seal(_header())
    bare = {name: whole[name] for name in ("header", "sig")}
    message = verify(parse_envelope(bare))
    assert (message.salt, message.body) == (None, None)
    assert message.id == parse_envelope(whole).id
    assert message.size == len(message.header_bytes) + 64
    assert envelope_json(message.header, message.sig, None, None) == bare
    for half in ("salt", "body"):
        assert _code({**bare, half: whole[half]}) == "bad_request"


def test_size_of_a_missing_body_is_limited_too():
    whole = _seal(_header(body_size=MAX_BODY_BYTES + 1))
    assert _code({"header": whole["header"], "sig": whole["sig"]}) == "too_big"


# ---------------------------------------------------------------------------------------------- the table of section 1

LONG_BURN = NOW + 365 * 24 * 3600 * 1000
ENC = {"epoch": 1, "win": 0, "kid": KEYS[1]}
REF = {"rel": "edit", "id": KEYS[1]}

ACCEPTED = {
    "type of one letter": {"type": "a"},
    "type of 64": {"type": "a" + "0" * 63},
    "type with its marks": {"type": "a.b-c_d9"},
    "created_at 0": {"created_at": 0},
    "created_at at its end": {"created_at": 2**44 - 1},
    "to feed": {"to": "feed"},
    "tz at its ends": {"tz": -840},
    "tz at its other end": {"tz": 840},
    "32 attention_keys": {"attention_keys": KEYS[:32]},
    "32 attention_messages, falling": {"attention_messages": KEYS[31::-1]},
    "16 refs": {"refs": [REF] * 16},
    "prev in a space": {"to": SPACE, "prev": KEYS[:16]},
    "prev in a round": {"to": ROUND, "prev": KEYS[:1]},
    "no prev in a chain": {"to": SPACE},
    "burn_at next": {"burn_at": NOW + 1},
    "burn_at in a year": {"burn_at": LONG_BURN},
    "enc": {"enc": ENC},
    "8 crit": {"crit": list("abcdefgh")},
    "crit of 32 letters": {"crit": ["a" * 32]},
    "unknown field": {"of_tomorrow": {"a": [1]}},
}
REFUSED = {
    "v 2": ({"v": 2}, "unsupported"),
    "v 0": ({"v": 0}, "unsupported"),
    "v true": ({"v": True}, "unsupported"),
    "v text": ({"v": "1"}, "unsupported"),
    "no v": ({"v": ABSENT}, "unsupported"),
    "v float": ({"v": 1.0}, "bad_encoding"),
    "type empty": ({"type": ""}, "bad_request"),
    "type of 65": ({"type": "a" + "0" * 64}, "bad_request"),
    "type with a capital": ({"type": "Chat"}, "bad_request"),
    "type from a digit": ({"type": "9a"}, "bad_request"),
    "type with a line end": ({"type": "a\n"}, "bad_request"),
    "type a number": ({"type": 1}, "bad_request"),
    "no type": ({"type": ABSENT}, "bad_request"),
    "from of 31 bytes": ({"from": b64encode(bytes(31))}, "bad_request"),
    "from of 33 bytes": ({"from": b64encode(bytes(33))}, "bad_request"),
    "from with stray bits": ({"from": b64encode(USER.public)[:-1] + "B"}, "bad_request"),
    "from padded": ({"from": b64encode(USER.public) + "="}, "bad_request"),
    "from a list": ({"from": [b64encode(USER.public)]}, "bad_request"),
    "no from": ({"from": ABSENT}, "bad_request"),
    "from of small order": ({"from": "A" * 43}, "bad_sig"),
    "to nothing": ({"to": ""}, "bad_request"),
    "to a named feed": ({"to": f"feed:{b64encode(USER.public)}"}, "bad_request"),
    "to a bare kind": ({"to": "chan"}, "bad_request"),
    "to an unknown kind": ({"to": f"room:{KEYS[1]}"}, "bad_request"),
    "to a capital kind": ({"to": f"Chan:{KEYS[1]}"}, "bad_request"),
    "to a short id": ({"to": CHAN[:-1]}, "bad_request"),
    "to with stray bits": ({"to": CHAN[:-1] + "B"}, "bad_request"),
    "to a list": ({"to": [CHAN]}, "bad_request"),
    "no to": ({"to": ABSENT}, "bad_request"),
    "created_at -1": ({"created_at": -1}, "bad_request"),
    "created_at 2^44": ({"created_at": 2**44}, "bad_request"),
    "created_at true": ({"created_at": True}, "bad_request"),
    "created_at float": ({"created_at": 1.5}, "bad_encoding"),
    "no created_at": ({"created_at": ABSENT}, "bad_request"),
    "tz -841": ({"tz": -841}, "bad_request"),
    "tz 841": ({"tz": 841}, "bad_request"),
    "tz true": ({"tz": True}, "bad_request"),
    "33 attention_keys": ({"attention_keys": KEYS[:33]}, "bad_request"),
    "attention_keys falling": ({"attention_keys": [KEYS[2], KEYS[1]]}, "bad_request"),
    "attention_keys twice": ({"attention_keys": [KEYS[1], KEYS[1]]}, "bad_request"),
    "attention_keys no list": ({"attention_keys": KEYS[1]}, "bad_request"),
    "attention_keys empty": ({"attention_keys": []}, "bad_encoding"),
    "33 attention_messages": ({"attention_messages": KEYS[:33]}, "bad_request"),
    "attention_messages twice": ({"attention_messages": [KEYS[1], KEYS[2], KEYS[1]]}, "bad_request"),
    "17 refs": ({"refs": [REF] * 17}, "bad_request"),
    "refs rel": ({"refs": [{**REF, "rel": "like"}]}, "bad_request"),
    "refs rel a list": ({"refs": [{**REF, "rel": ["edit"]}]}, "bad_request"),
    "refs rel an object": ({"refs": [{**REF, "rel": {}}]}, "bad_request"),
    "refs without rel": ({"refs": [{"id": KEYS[1]}]}, "bad_request"),
    "refs without id": ({"refs": [{"rel": "edit"}]}, "bad_request"),
    "refs short id": ({"refs": [{**REF, "id": "AA"}]}, "bad_request"),
    "refs of text": ({"refs": [KEYS[1]]}, "bad_request"),
    "refs no list": ({"refs": REF}, "bad_request"),
    "17 prev": ({"to": SPACE, "prev": KEYS[:17]}, "bad_request"),
    "prev falling": ({"to": SPACE, "prev": [KEYS[2], KEYS[1]]}, "bad_request"),
    "prev in no chain": ({"prev": KEYS[:1]}, "bad_request"),
    "burn_at at once": ({"burn_at": NOW}, "bad_request"),
    "burn_at after a year": ({"burn_at": LONG_BURN + 1}, "bad_request"),
    "burn_at in a space": ({"to": SPACE, "burn_at": NOW + 1}, "bad_request"),
    "burn_at in a round": ({"to": ROUND, "burn_at": NOW + 1}, "bad_request"),
    "burn_at text": ({"burn_at": str(NOW + 1)}, "bad_request"),
    "enc true": ({"enc": True}, "bad_request"),
    "enc epoch 0": ({"enc": {**ENC, "epoch": 0}}, "bad_request"),
    "enc win -1": ({"enc": {**ENC, "win": -1}}, "bad_request"),
    "enc short kid": ({"enc": {**ENC, "kid": "AA"}}, "bad_request"),
    "enc without kid": ({"enc": {"epoch": 1, "win": 0}}, "bad_request"),
    "9 crit": ({"crit": list("abcdefghi")}, "bad_request"),
    "crit falling": ({"crit": ["b", "a"]}, "bad_request"),
    "crit twice": ({"crit": ["a", "a"]}, "bad_request"),
    "crit no field name": ({"crit": ["A"]}, "bad_request"),
    "crit of 33 letters": ({"crit": ["a" * 33]}, "bad_request"),
    "crit of numbers": ({"crit": [1]}, "bad_request"),
    "no body_hash": ({"body_hash": ABSENT}, "bad_request"),
    "body_hash of another": ({"body_hash": KEYS[1]}, "bad_request"),
    "no body_size": ({"body_size": ABSENT}, "bad_request"),
    "body_size one less": ({"body_size": len(BODY) - 1}, "bad_request"),
    "body_size one more": ({"body_size": len(BODY) + 1}, "bad_request"),
    "body_size negative": ({"body_size": -1}, "bad_request"),
    "body_size true": ({"body_size": True}, "bad_request"),
    "null": ({"tz": None}, "bad_encoding"),
    "unknown empty list": ({"of_tomorrow": []}, "bad_encoding"),
    "field name": ({"Tomorrow": 1}, "bad_encoding"),
    "U+0000": ({"of_tomorrow": "\0"}, "bad_encoding"),
}


def test_the_plain_header_is_accepted():
    assert _code(_seal(_header())) is None


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(changes):
    assert _code(_seal(_header(**changes))) is None


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(changes, code):
    assert _code(_seal(_header(**changes))) == code


@pytest.mark.parametrize(
    "change",
    [
        {"sig": ABSENT},
        {"sig": "A" * 85},
        {"sig": "A" * 87},
        {"sig": 1},
        {"salt": b64encode(bytes(15))},
        {"salt": b64encode(bytes(17))},
        {"salt": b64encode(b"\1" * 16)},
        {"salt": 1},
        {"body": 1},
        {"body": b64encode(BODY) + "="},
        {"body": b64encode(BODY[:-1] + b"]")},
        {"body": BODY.decode()},
        {"header": ABSENT},
        {"header": []},
        {"header": "x"},
        {"id": KEYS[1]},
        {"more": 1},
    ],
    ids=lambda change: str(change).replace(str(ABSENT), "absent"),
)
def test_envelope_refused(change):
    envelope = {name: value for name, value in {**_seal(_header()), **change}.items() if value is not ABSENT}
    assert _code(envelope) == "bad_request"


@pytest.mark.parametrize("value", [None, 1, "x", [], b"x", {}])
def test_no_envelope(value):
    assert _code(value) == "bad_request"


# ----------------------------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    "change",
    [
        {"type": "chat.texu"},
        {"from": b64encode(OTHER.public)},
        {"to": "feed"},
        {"created_at": NOW + 1},
        {"tz": 60},
        {"crit": ["a"]},
        {"burn_at": NOW + 3},
        {"of_tomorrow": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_header_field_is_signed(change):
    envelope = _seal(_header(burn_at=NOW + 2, of_tomorrow=1))
    assert _code(envelope) is None
    assert _code({**envelope, "header": {**envelope["header"], **change}}) == "bad_sig"


def test_body_cannot_be_exchanged_for_one_with_a_fitting_hash():
    envelope = _with_body(b'{"text":"other"}')
    assert _code({**envelope, "sig": _seal(_header())["sig"]}) == "bad_sig"


@quick
@given(st.integers(0, 63), st.integers(1, 255))
def test_every_byte_of_the_signature_counts(place, flip):
    envelope = _seal(_header())
    sig = bytearray(USER.sign("event", canonical(envelope["header"])))
    sig[place] ^= flip
    assert _code(put(envelope, ("sig",), b64encode(bytes(sig)))) == "bad_sig"


def test_signature_under_another_label():
    header = _header()
    assert _code(envelope_json(header, USER.sign("cert", canonical(header)), SALT, BODY)) == "bad_sig"
