"""Whatever a remote sends, only RemoteError comes of it.

Each part of a good value is replaced by what no peer should send.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord import fields, hub_status, invites, login, message_types, messages, pow, statements, topics
from accord.certs import verify_certificate
from accord.encoding import b64decode, b64encode, canonical, check_value, parse_canonical, parse_json
from accord.errors import RemoteError
from accord.keys import OneTimeKey
from tests.accord.support import CLIENT, HUB, NOW, TYPE_CASES, USER, certificate, hostile, nested, paths, put, quick

KEY = b64encode(HUB.public)
SECRET = b"s" * 32
CHALLENGE = pow.make_challenge(SECRET, server=HUB.public, key=USER.public, purpose="mail", difficulty=0, now=NOW)
ENVELOPE = messages.create(
    USER,
    type="chat.edit",
    to=f"chan:{KEY}",
    body=b'{"text":"x"}',
    created_at=NOW,
    tz=1,
    attention_keys=[KEY],
    attention_messages=[KEY],
    refs=[{"rel": "edit", "id": KEY}],
    burn_at=NOW + 1,
    crit=["a", "b"],
    of_tomorrow={"list": [1, "x"]},
)


def _message(value: Any) -> object:
    message = messages.verify(messages.parse_envelope(value))
    message_types.check_type(message)
    return message_types.read_body(message)


def _solution(challenge: Any, counter: Any = 0) -> object:
    return pow.check_solution(
        SECRET, challenge, counter, server=HUB.public, key=USER.public, purpose="mail", bind=bytes(32), now=NOW
    )


def _status(value: Any) -> object:
    return hub_status.read_status(value, hub=HUB.public)


def _statement(value: Any) -> object:
    return statements.verify_statement(value, hub=HUB.public, type="root")


CODES = (
    "bad_request",
    "bad_encoding",
    "bad_sig",
    "unsupported",
    "too_big",
    "unauthorized",
    "pow_needed",
    "wrong_server",
)
READERS: dict[str, tuple[Any, Any]] = {
    "message": (ENVELOPE, _message),
    "parse_envelope": (ENVELOPE, messages.parse_envelope),
    "certificate": (certificate(), lambda value: verify_certificate(value, server=HUB.public, now=NOW)),
    "solution": (CHALLENGE, _solution),
    "counter": (0, lambda value: _solution(CHALLENGE, value)),
    "solve": (CHALLENGE, lambda value: pow.solve(value, bytes(32))),
    "status": (hub_status.make_status(HUB, at=NOW, seq=1, removed=[(USER.public, NOW)])[0], _status),
    "statement": (statements.make_statement(HUB, type="root", at=NOW, list=[1]), _statement),
    "canonical": ({"a": [1, {"b": "x"}]}, canonical),
    "check_value": ({"a": [1, {"b": "x"}]}, check_value),
    "b64decode": ("AA", b64decode),
    "b64decode of 32": (KEY, lambda value: b64decode(value, 32)),
    "topic_of": (f"chan:{KEY}", lambda value: topics.topic_of(value, USER.public)),
    "one_of": ("a", fields.one_of("a", "b")),
    "exactly": (1, fields.exactly(1)),
    "list_of": (["a"], fields.list_of(fields.one_of("a", "b"), 2, unique=True)),
    "pattern": ("a", fields.pattern("a+")),
}
JUNK: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.0,
        2**53,
        2**64,
        10**6000,
        float("nan"),
        float("inf"),
        "",
        "\0",
        "\ud800",
        "é" * 50,
        "A" * 300,
    ),
    *(
        "*",
        "=",
        "A" * 43,
        "A" * 44,
        "A" * 86,
        b"",
        b"x" * 32,
        bytearray(b"x"),
        memoryview(b"x"),
        (),
        (1,),
        set(),
        object(),
    ),
    *([], {}, [[]], ["a", ["a"]], [{}], {"rel": []}, [{"rel": ["edit"], "id": KEY}], ["*", KEY], [["login"]]),
    *({1: 2}, {b"a": 1}, {None: 1}, {(1,): 1}, {"\0": 1}, {"\ud800": 1}, {10**6000: 1}),
    *(nested(9), nested(9, of=dict), nested(900), nested(100_000), nested(100_000, of=dict)),
]


def _only_remote_error(read: Any, value: Any) -> None:
    try:
        read(value)
    except RemoteError as error:
        refusal = error
    else:
        return
    assert refusal.code in CODES
    assert str(refusal).encode()  # it goes into an answer


@pytest.mark.parametrize("name", READERS)
def test_every_part_replaced(name):
    good, read = READERS[name]
    read(copy.deepcopy(good))
    for path in paths(good):
        for junk in JUNK:
            _only_remote_error(read, put(good, path, junk))


@pytest.mark.parametrize("name", [name for name, (good, _) in READERS.items() if isinstance(good, dict)])
def test_a_key_more(name):
    good, read = READERS[name]
    for junk in (1, None, b"a", (1,), "", "\0", "\ud800", "A", "a" * 33, 10**6000, 1.5):
        _only_remote_error(read, {**good, junk: 1})
        for path in paths(good):
            if path:
                _only_remote_error(read, put(good, path, {junk: 1}))


@quick
@given(st.sampled_from(sorted(READERS)), hostile, st.data())
def test_any_part_replaced_by_anything(name, junk, data):
    good, read = READERS[name]
    _only_remote_error(read, junk)
    _only_remote_error(read, put(good, data.draw(st.sampled_from(list(paths(good)))), junk))


@quick
@given(st.sampled_from(TYPE_CASES), hostile, st.data())
def test_any_part_of_a_body_replaced_by_anything(case, junk, data):
    type_, to, good, header = case
    if isinstance(good, dict):
        junk = put(good, data.draw(st.sampled_from(list(paths(good)))), junk)
    body = json.dumps(junk, separators=(",", ":"), default=repr, skipkeys=True).encode()
    _only_remote_error(
        _message, messages.create(USER, type=type_, to=to, body=_in_order(body), created_at=NOW, **header)
    )


def _in_order(body: bytes) -> bytes:
    """The canonical spelling where there is one, so that control messages get as far as their fields."""
    try:
        return canonical(json.loads(body))
    except RemoteError:
        return body


TEXTS = [
    *("", "\0", "\ud800", '"\\ud800"', "\ufeff1", "NaN", "[1e999]", '{"\\u0000":1}', "1" * 10**6, "-" + "9" * 10**6),
    *("[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900, "[[]]", "{}", "null", "1", '"login_request"'),
]
_texts = st.sampled_from(TEXTS) | st.text(st.characters(), max_size=30) | st.binary(max_size=30)


@quick
@given(_texts, st.integers(0, 10**7))
def test_text_for_the_parsers(text, limit):
    _only_remote_error(lambda data: parse_json(data, max_bytes=limit), text)
    _only_remote_error(lambda data: parse_canonical(data, max_bytes=limit), text)


@quick
@given(st.text(st.characters(), max_size=80))
def test_text_for_links_and_topics(text):
    for link in (text, f"https://{text}", f"https://{text}/join#{KEY}.{KEY}", f"https://h/join#{text}.{KEY}"):
        _only_remote_error(invites.parse_link, link)
    for name in (text, f"chan:{text}"):
        _only_remote_error(topics.parse_topic, name)


ONETIME = OneTimeKey(b"o" * 32)


def _machines() -> tuple[login.ServerLogin, login.ClientLogin]:
    hub = login.ServerLogin(HUB, allow_clear=True, onetime=ONETIME)
    return hub, login.ClientLogin(CLIENT, certificate=None, expected=None, sealed=False, onetime=ONETIME)


@quick
@given(_texts)
def test_text_for_the_login(text):
    hub, peer = _machines()
    _only_remote_error(lambda data: hub.receive(data, NOW), text)
    peer.request()
    _only_remote_error(peer.receive, text)

    hub, peer = _machines()
    challenge = hub.receive(peer.request().data, NOW)
    assert isinstance(challenge, login.Send)
    _only_remote_error(lambda data: hub.receive(data, NOW), text)
    peer.receive(challenge.data)
    _only_remote_error(peer.receive, text)


def _messages_of_a_login() -> list[dict[str, Any]]:
    hub, peer = _machines()
    request = peer.request()
    challenge = hub.receive(request.data, NOW)
    assert isinstance(challenge, login.Send)
    response = peer.receive(challenge.data)
    assert isinstance(response, login.Send)
    hub.receive(response.data, NOW)
    result = hub.accept({"code": "denied"})[0]
    return [json.loads(message.data) for message in (request, challenge, response, result)]


LOGIN = _messages_of_a_login()


@quick
@given(st.integers(0, 3), hostile, st.data())
def test_any_part_of_a_login_message_replaced_by_anything(which, junk, data):
    path = data.draw(st.sampled_from(list(paths(LOGIN[which]))))
    try:
        changed = json.dumps(put(LOGIN[which], path, junk), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError):  # not to be said in JSON at all
        changed = '{"v":1}'
    hub, peer = _machines()
    steps = [lambda text: hub.receive(text, NOW), peer.receive, lambda text: hub.receive(text, NOW), peer.receive]
    assert peer.request().data == canonical(LOGIN[0])
    for step in range(which):
        steps[step](canonical(LOGIN[step]))
    if which == 3:
        hub.accept({"code": "denied"})
    _only_remote_error(steps[which], changed)
