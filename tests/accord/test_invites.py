"""Links and claims; the links that are refused are in tests/vectors, section invite_links_reject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.invites import MAX_LINK_CHARS, InviteLink, make_proof, new_link, parse_link, temporary_key, verify_proof
from tests.accord.support import HUB, OTHER, USER, code_of, quick

SECRET = bytes(range(32))
FRAGMENT = f"{b64encode(SECRET)}.{b64encode(HUB.public)}"
ORIGINS = [
    "https://hub.example",
    "http://localhost:51030",
    "https://127.0.0.1:8443",
    "https://[::1]:51030",
    "https://[fe80::1]",
    "https://a-b.c_d.example",
    "https://bücher.example",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_roundtrip(origin):
    link = new_link(origin, HUB.public)
    assert parse_link(str(link)) == link
    assert (link.origin, link.hub, len(link.secret)) == (origin, HUB.public, 32)
    assert str(link).startswith(f"{origin}/join#")


def test_spaces_around_a_pasted_link():
    assert parse_link(f"  https://h/join#{FRAGMENT}\n") == InviteLink("https://h", SECRET, HUB.public)


@pytest.mark.parametrize("port", [1, 65535])
def test_port_accepted(port):
    assert parse_link(f"https://h:{port}/join#{FRAGMENT}").origin == f"https://h:{port}"


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "1:2", "+1"])
def test_port_refused(port):
    assert code_of(parse_link, f"https://h:{port}/join#{FRAGMENT}") == "bad_request"


def test_length():
    link = f"https://{'h' * 200}/join#{FRAGMENT}"
    assert parse_link(link.ljust(MAX_LINK_CHARS)).secret == SECRET
    assert code_of(parse_link, link.ljust(MAX_LINK_CHARS + 1)) == "bad_request"


@quick
@given(st.integers(0, len(FRAGMENT) - 1), st.characters(exclude_categories=["Cs"]))
def test_a_changed_letter_is_refused_or_another_invite(place, letter):
    good = parse_link(f"https://h/join#{FRAGMENT}")
    changed = FRAGMENT[:place] + letter + FRAGMENT[place + 1 :]
    link = f"https://h/join#{changed}"
    if code := code_of(parse_link, link):
        assert code == "bad_request"
    else:
        assert (parse_link(link) == good) == (changed == FRAGMENT)


@quick
@given(st.text(st.characters(), max_size=60))
def test_any_text_is_a_link_or_refused(text):
    for link in (text, f"https://{text}/join#{FRAGMENT}", f"https://h/join#{text}"):
        if code := code_of(parse_link, link):
            assert code == "bad_request"
        else:
            parsed = parse_link(link)
            assert parse_link(str(parsed)) == parsed
            assert not set(parsed.origin) & set('\\@#?%<>" \t\r\n\0')


def test_secrets_are_fresh_and_decide_the_key():
    first, second = (new_link("https://h", HUB.public) for _ in range(2))
    assert first.secret != second.secret
    assert temporary_key(first.secret).public != temporary_key(second.secret).public
    assert temporary_key(SECRET).public == temporary_key(bytes(range(32))).public


def _proof_refused(proof: bytes, *, hub: bytes, temp: bytes, new: bytes) -> None:
    assert code_of(verify_proof, proof, hub=hub, temp=temp, new=new) == "bad_sig"


def test_proof_is_of_the_new_key_for_one_account_on_one_hub():
    temp = temporary_key(SECRET).public
    proof = make_proof(USER, hub=HUB.public, temp=temp)
    good = {"hub": HUB.public, "temp": temp, "new": USER.public}
    verify_proof(proof, **good)
    for name in good:
        _proof_refused(proof, **{**good, name: OTHER.public})
    for swapped in ({"hub": temp, "temp": HUB.public}, {"temp": USER.public, "new": temp}):
        _proof_refused(proof, **{**good, **swapped})
    for other in (b"", proof[:63], proof + b"\0", bytes(64), proof[:63] + bytes([proof[63] ^ 1])):
        _proof_refused(other, **good)
