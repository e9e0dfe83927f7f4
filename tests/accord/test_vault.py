from __future__ import annotations

import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from accord import stores, vault
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.primitives import domain

USER, OTHER = SigningKey(b"\1" * 32), SigningKey(b"\2" * 32)
PARAMS = vault.hub_params(b"s" * 32, "ann")
KEY, WRAP = b"k" * 32, b"w" * 32


def sealed(content: dict[str, Any], version: int = 1, recovery: bytes | None = None) -> dict[str, Any]:
    slots = [vault.make_slot("password", name="ann", wrap=WRAP, key=KEY)]
    return vault.seal_enclave(
        USER,
        name="ann",
        version=version,
        params=PARAMS,
        slots=slots,
        key=KEY,
        content=content,
        recovery=recovery,
    )


SCALARS = (
    st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)
NAMES = st.from_regex(r"[a-t][a-z0-9_]{0,8}", fullmatch=True)
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=3) | st.dictionaries(NAMES, SCALARS, max_size=3)


@given(
    content=st.dictionaries(NAMES, VALUES, max_size=4),
    version=st.integers(1, 2**53 - 1),
    recovery=st.none() | st.binary(min_size=32, max_size=32),
)
def test_what_is_sealed_comes_back_whole(content, version, recovery):
    enclave = sealed(content, version, recovery)
    key = vault.slot_key(enclave, "password", wrap=WRAP)
    opened = vault.open_enclave(enclave, key, name="ann")
    assert opened.content == content
    assert (opened.user.seed, opened.version, opened.recovery) == (USER.seed, version, recovery)


def test_the_key_of_the_body_alone_does_not_show_the_user_key():
    enclave = sealed({"a": 1}, recovery=b"r" * 32)
    raw = b64decode(enclave["body"])
    aad = domain("vault-body") + canonical({"name": "ann", "version": 1, "type": "vault"})
    inside = AESGCM(KEY).decrypt(raw[:12], raw[12:], aad)
    assert b'"a":1' in inside
    for secret in (USER.seed, b"r" * 32):
        assert b64encode(secret).encode() not in inside


def test_an_enclave_is_never_the_same_twice_and_holds_no_key_in_the_clear():
    one, two = sealed({}), sealed({})
    assert one["body"] != two["body"]
    assert one["slots"] != two["slots"]
    for secret in (USER.seed, KEY, WRAP):
        assert b64encode(secret) not in str(one)


def test_too_much_content_is_refused_when_it_is_sealed():
    with pytest.raises(RemoteError) as caught:
        sealed({"text": "x" * vault.MAX_ENCLAVE_BYTES})
    assert caught.value.code == "too_big"


@given(st.sampled_from(["v", "type", "name", "version", "kdf", "slots", "body", "signature"]), VALUES)
def test_a_changed_field_never_opens(field, value):
    enclave = sealed({"a": 1})
    if enclave[field] != value:
        with pytest.raises(RemoteError):
            vault.open_enclave({**enclave, field: value}, KEY, name="ann")


def test_a_name_has_params_of_its_own_on_every_hub():
    assert vault.hub_params(b"s" * 32, "ann") == PARAMS
    assert vault.hub_params(b"s" * 32, "bob").salt != PARAMS.salt
    assert vault.hub_params(b"t" * 32, "ann").salt != PARAMS.salt
    assert vault.read_params(PARAMS.wire()) == PARAMS


@pytest.mark.parametrize("password", ["", "x" * 1001, "\udc00"])
def test_what_is_no_password_is_refused_before_any_work(password):
    with pytest.raises(RemoteError) as caught:
        vault.root_key(password, b"s" * 32, vault.MIN_ITERATIONS)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize("iterations", [1, vault.MIN_ITERATIONS - 1, vault.MAX_ITERATIONS + 1])
def test_a_hub_cannot_ask_for_too_little_or_too_much_work(iterations):
    with pytest.raises(RemoteError):
        vault.root_key("password", b"s" * 32, iterations)


@given(st.binary(min_size=16, max_size=16), st.sampled_from(["", " ", "-"]))
def test_a_code_is_read_as_it_was_written(code, between):
    assert vault.VAULT_CODE.parse(between.join(vault.VAULT_CODE.groups(code)).lower()) == code


@given(st.text())
def test_hardly_any_text_is_a_code(text):
    with pytest.raises(RemoteError) as caught:
        vault.VAULT_CODE.parse(text)
    assert caught.value.code == "bad_request"


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), min_size=1, max_size=6), st.data())
def test_only_the_named_key_continues_a_chain_and_nothing_goes_back(versions, data):
    signer = SigningKey(b"\3" * 32)
    head, documents = None, []
    for number, (body, hands_over) in enumerate(versions):
        after = SigningKey(bytes([number + 10]) * 32) if hands_over and head else signer
        document = stores.make_enclave(signer, body=body, before=head, next_key=after.public)
        verified = stores.verify_enclave(document, head)
        assert verified.body == body
        assert verified.head.version == number + 1
        head, signer = verified.head, after
        documents.append(document)
    again = data.draw(st.sampled_from(documents))
    with pytest.raises(RemoteError) as caught:
        stores.verify_enclave(again, head)
    assert caught.value.code == "conflict"
    with pytest.raises(RemoteError) as caught:
        stores.verify_enclave(stores.make_enclave(OTHER, body=b"", before=head), head)
    assert caught.value.code == "bad_sig"
    forged = copy.deepcopy(documents[-1])
    forged["body"] = b64encode(b"forged")
    with pytest.raises(RemoteError):
        stores.verify_enclave(forged, None if len(documents) == 1 else head)
