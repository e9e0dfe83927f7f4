"""What check_type accepts; what it refuses is in tests/vectors, section message_types_reject."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accord.encoding import canonical
from accord.errors import RemoteError
from accord.message_types import RULES, check_type, read_body
from accord.messages import Envelope, create, parse_envelope
from tests.accord.support import CHANNEL, ENC, HUB_TOPIC, KEY, NOW, OTHER, TYPE_CASES, USER, USER_TOPIC, refs


def _envelope(type_: str, to: str, body: bytes | dict[str, Any], **header: Any) -> Envelope:
    raw = body if isinstance(body, bytes) else canonical(body)
    return parse_envelope(create(USER, type=type_, to=to, body=raw, created_at=NOW, **header))


@pytest.mark.parametrize(("type_", "to", "body", "header"), TYPE_CASES)
def test_accepted(type_, to, body, header):
    envelope = _envelope(type_, to, body, **header)
    check_type(envelope)
    if not envelope.encrypted:
        whole = body if isinstance(body, dict) else json.loads(body)
        assert set(read_body(envelope)) == set(whole) & set(RULES[type_].body)


def test_every_type_has_an_accepted_case():
    assert {case[0] for case in TYPE_CASES} == set(RULES)


def test_bodies_are_read_into_bytes():
    body = {"pubkey": KEY, "account_name": "abc", "kind": "real"}
    assert read_body(_envelope("add_user", HUB_TOPIC, body)) == {**body, "pubkey": OTHER.public}


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}"])
def test_unknown_types_are_carried_unseen(body):
    envelope = _envelope("of.tomorrow", HUB_TOPIC, body)
    check_type(envelope)
    with pytest.raises(RemoteError) as caught:
        read_body(envelope)
    assert caught.value.code == "unsupported"


def test_without_a_body_only_topic_and_refs_are_checked():
    def bare(to: str) -> Envelope:
        whole = create(USER, type="mail.text", to=to, body=b"no JSON", created_at=NOW)
        return parse_envelope({"header": whole["header"], "sig": whole["sig"]})

    check_type(bare(USER_TOPIC))
    with pytest.raises(RemoteError):
        check_type(bare(CHANNEL))
    with pytest.raises(RemoteError) as caught:
        read_body(bare(USER_TOPIC))
    assert caught.value.code == "gone"


@pytest.mark.parametrize("type_", [name for name, rule in RULES.items() if rule.control])
def test_control_messages_neither_burn_nor_hide(type_):
    to, body, header = next((to, body, header) for name, to, body, header in TYPE_CASES if name == type_)
    check_type(_envelope(type_, to, body, **header))
    for hidden in ({"burn_at": NOW + 1}, {"enc": ENC}):
        with pytest.raises(RemoteError):
            check_type(_envelope(type_, to, body, **header, **hidden))
    spaced = json.dumps(body, sort_keys=True).encode() + b" "
    with pytest.raises(RemoteError) as caught:
        check_type(_envelope(type_, to, spaced, **header))
    assert caught.value.code == "bad_encoding"


@pytest.mark.parametrize("type_", [name for name, rule in RULES.items() if not rule.control])
def test_what_people_say_may_be_spelled_freely(type_):
    to, body, header = next((to, body, header) for name, to, body, header in TYPE_CASES if name == type_)
    check_type(_envelope(type_, to, json.dumps({**body, "z": 1, "a": None}, indent=1).encode(), **header))


@pytest.mark.parametrize("type_", [name for name, rule in RULES.items() if rule.relation and rule.max_refs == 1])
def test_only_one_ref_where_one_is_meant(type_):
    to, body, header = next((to, body, header) for name, to, body, header in TYPE_CASES if name == type_)
    check_type(_envelope(type_, to, body, **header))
    with pytest.raises(RemoteError, match="refs"):
        check_type(_envelope(type_, to, body, refs=refs(RULES[type_].relation, 2)))


@pytest.mark.parametrize("body", [b"[" * 5000, b'{"text":' * 5000, b"1" * 10_000, b'{"text": "\\ud800"}', b"nul"])
def test_hostile_bodies(body):
    for type_ in ("chat.text", "mail.text"):
        with pytest.raises(RemoteError):
            check_type(_envelope(type_, USER_TOPIC, body))
