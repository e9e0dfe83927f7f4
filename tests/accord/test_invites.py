"""Links and claims; the links that are refused are in tests/vectors, section invite_links_reject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.invites import (
    MAX_CIRCLE_PEOPLE,
    MAX_LINK_CHARS,
    InviteLink,
    hash_code,
    is_placeholder,
    make_proof,
    new_code,
    new_link,
    normalize_code,
    parse_link,
    placeholder_name,
    show_code,
    temporary_key,
    verify_proof,
)
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


@pytest.mark.parametrize("people", [2, 3, MAX_CIRCLE_PEOPLE])
def test_a_circle_has_a_place_for_each(people):
    link = new_link("https://h", HUB.public, people=people)
    assert parse_link(str(link)) == link
    keys = {temporary_key(link.secret, place).public for place in [None, *link.places]}
    assert len(keys) == people + 1
    assert new_link("https://h", HUB.public).places == [None]


@pytest.mark.parametrize("people", [0, MAX_CIRCLE_PEOPLE + 1])
def test_no_larger_circle_is_made(people):
    with pytest.raises(ValueError, match="people"):
        new_link("https://h", HUB.public, people=people)


@quick
@given(st.data())
def test_a_code_is_read_however_it_is_written(data):
    code = data.draw(st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=10, max_size=10))
    spellings = {"0": "0oO", "1": "1iIlL"}
    written = "".join(data.draw(st.sampled_from(spellings.get(char, char + char.lower()))) for char in code)
    place = data.draw(st.integers(0, 10))
    assert normalize_code(written[:place] + data.draw(st.text(" -", max_size=3)) + written[place:]) == code
    assert normalize_code(show_code(code)) == code


@quick
@given(st.text(max_size=14))
def test_any_text_is_a_code_or_refused(text):
    if code := code_of(normalize_code, text):
        assert code == "bad_request"
    else:
        assert normalize_code(normalize_code(text)) == normalize_code(text)


def test_codes_are_fresh_and_hashed_for_one_account():
    assert new_code() != new_code()
    code = new_code()
    assert len({hash_code(code, HUB.public), hash_code(code, OTHER.public), hash_code(new_code(), HUB.public)}) == 3


def test_a_placeholder_suggests_no_name():
    assert is_placeholder(placeholder_name())
    assert placeholder_name() != placeholder_name()
    for name in ("invite-", "invite-ada", placeholder_name() + "0", "x" + placeholder_name()):
        assert not is_placeholder(name)


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
