from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.names import normalize_name
from accord.topics import KINDS, Topic, open_channel_id, parse_topic, topic_of
from tests.accord.support import HUB, USER, quick


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("abc", "abc"),
        ("a" * 32, "a" * 32),
        ("Gregor_9.x-y", "gregor_9.x-y"),
        ("ＡＢＣ", "abc"),  # full width
        ("\u212aelvin", "kelvin"),  # the sign for kelvin is a K
        ("ﬁx", "fix"),  # a ligature
    ],
)
def test_name(typed, name):
    assert normalize_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    ["", "ab", "a" * 33, "a b", "abc\n", "äbc", "ab\0", "abс", "\ud800abc", "İab", "a/b", "a" * 300, "ﬁ" * 300],
)
def test_name_refused(typed):
    with pytest.raises(RemoteError) as caught:
        normalize_name(typed)
    assert caught.value.code == "bad_request"


@quick
@given(st.text(st.characters(), max_size=40))
def test_names_have_one_spelling(typed):
    try:
        name = normalize_name(typed)
    except RemoteError:
        return
    assert normalize_name(name) == normalize_name(name.upper()) == name
    assert name.isascii()


@quick
@given(st.sampled_from(sorted(KINDS)), st.binary(min_size=32, max_size=32))
def test_topic_roundtrip(kind, ident):
    topic = Topic(kind, ident)
    assert parse_topic(topic.name) == topic
    if kind == "feed":
        with pytest.raises(RemoteError):
            topic_of(topic.name, USER.public)
    else:
        assert topic_of(topic.name, USER.public) == topic


def test_feed_is_the_authors():
    assert topic_of("feed", USER.public) == Topic("feed", USER.public)
    with pytest.raises(RemoteError):
        parse_topic("feed")


KEY = b64encode(HUB.public)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":",
        "chan",
        "chan:",
        f"room:{KEY}",
        f"CHAN:{KEY}",
        f"chan:{KEY}=",
        f"chan:{KEY[:-1]}",
        f"chan:{KEY}:",
        f" chan:{KEY}",
        f"chan: {KEY}",
        f"chan:{KEY}\n",
        f"chan:{KEY[:-1]}\ud800",
        f"chan::{KEY}",
        KEY,
    ],
)
def test_topic_refused(name):
    for read in (parse_topic, lambda name: topic_of(name, USER.public)):
        with pytest.raises(RemoteError) as caught:
            read(name)
        assert caught.value.code == "bad_request"


@pytest.mark.parametrize("to", [None, 1, True, b"feed", ["feed"], {"feed": 1}])
def test_to_is_text(to):
    with pytest.raises(RemoteError):
        topic_of(to, USER.public)


def test_open_channel_id():
    expected = hashlib.sha256(b"accord-v1:channel\0" + USER.public + bytes(16) + HUB.public).digest()
    assert open_channel_id(USER.public, bytes(16), HUB.public) == expected
