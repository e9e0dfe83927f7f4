"""What is refused before the database is asked: each check with its code, the cheap ones before the signature."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from accord import pow
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.messages import parse_envelope
from accord.topics import Topic
from messaging.admission import (
    CONTROL_WINDOW_MS,
    MAX_CLOCK_AHEAD_MS,
    Publisher,
    Right,
    admit,
)
from messaging.door import MAX_STRANGER_BYTES, SolvedOnce
from peers.keyring import keyring
from tests.factories import HOUR_MS, NOW, bad_signature, envelope, inbox, person, without_body

ANN, BOB, EVE = person("ann"), person("bob"), person("eve")
CHAN = Topic("chan", bytes(32))
ENC = {"enc": {"epoch": 1, "win": 0, "kid": b64encode(bytes(32))}}
DIFFICULTY = 6  # what a hub asks for is its own affair; this is quick


def publisher(right: Right = Right.OWN) -> Publisher:
    return Publisher(right, user=None if right in (Right.STRANGER, Right.IMPORT) else ANN.public)


def code_of(value: dict[str, Any], right: Right = Right.OWN, **given: Any) -> str:
    """The code of the refusal, "" when it is admitted."""
    try:
        admit(parse_envelope(value), publisher(right), **{"now": NOW, **given})
    except AccordError as error:
        return error.code
    return ""


def hub_topic() -> Topic:
    return Topic("hub", keyring().hub.public)


def to_hub(type_: str = "chan.open", **fields: Any) -> dict[str, Any]:
    bodies = {
        "chan.open": {"name": "garden", "nonce": b64encode(bytes(16))},
        "replace_account": {"new_pubkey": b64encode(BOB.public), "proof": b64encode(bytes(64))},
    }
    return envelope(ANN, hub_topic(), bodies.get(type_, "words"), type=type_, **fields)


# -------------------------------------------------------------------------------------------------------- what may pass


@pytest.mark.parametrize(
    ("right", "make"),
    [
        (Right.OWN, lambda: envelope(ANN, CHAN)),
        (Right.OWN, lambda: envelope(ANN, "feed")),
        (Right.OWN, lambda: envelope(ANN, inbox(BOB))),
        (Right.OWN, lambda: envelope(ANN, CHAN, {}, type="x.unknown")),
        (Right.OWN, lambda: envelope(ANN, inbox(BOB), b"\xff", type="x.unknown", **ENC)),
        (Right.OWN, to_hub),
        (Right.ADMIN, to_hub),
        (Right.ADMIN, lambda: envelope(ANN, CHAN)),
        (Right.CLAIM, lambda: to_hub("replace_account")),
        (Right.OWN, lambda: envelope(ANN, CHAN, burn_at=NOW + 1)),
        (Right.OWN, lambda: envelope(ANN, CHAN, created_at=NOW + MAX_CLOCK_AHEAD_MS)),
        (Right.OWN, lambda: envelope(ANN, CHAN, created_at=0)),
        (Right.OWN, lambda: without_body(envelope(ANN, CHAN))),  # what is held decides
        (Right.IMPORT, lambda: envelope(BOB, CHAN, {"text": "", "author": "b", "source": "s"}, type="import.text")),
        (Right.ADMIN, lambda: envelope(ANN, CHAN, {"text": "", "author": "b", "source": "s"}, type="import.text")),
    ],
)
def test_what_passes(right: Right, make: Any) -> None:
    admitted = admit(parse_envelope(make()), publisher(right), now=NOW)
    assert admitted.publisher == publisher(right)
    assert admitted.message.author in (ANN.public, BOB.public)


# ------------------------------------------------------------------------------------- what is refused, forged or not

REFUSED: list[Any] = [
    ("future", Right.OWN, lambda: envelope(ANN, CHAN, created_at=NOW + MAX_CLOCK_AHEAD_MS + 1)),
    ("burned", Right.OWN, lambda: envelope(ANN, CHAN, created_at=NOW - 2, burn_at=NOW - 1)),
    ("burned", Right.OWN, lambda: envelope(ANN, CHAN, created_at=NOW - 1, burn_at=NOW)),
    ("denied", Right.OWN, lambda: envelope(BOB, CHAN)),
    ("denied", Right.ADMIN, lambda: envelope(BOB, CHAN)),
    ("denied", Right.CLAIM, lambda: envelope(ANN, CHAN)),
    ("denied", Right.CLAIM, lambda: to_hub("chan.open")),
    ("denied", Right.STRANGER, lambda: envelope(ANN, inbox(BOB))),
    ("denied", Right.STRANGER, lambda: envelope(ANN, CHAN, {}, type="mail.other")),
    ("denied", Right.STRANGER, lambda: envelope(ANN, "feed", {}, type="mail.other")),
    ("denied", Right.STRANGER, to_hub),
    ("denied", Right.OWN, lambda: envelope(ANN, CHAN, {"text": "", "author": "b", "source": "s"}, type="import.text")),
    ("too_big", Right.STRANGER, lambda: envelope(ANN, inbox(BOB), "x" * MAX_STRANGER_BYTES, type="mail.text")),
    ("pow_needed", Right.STRANGER, lambda: envelope(ANN, inbox(BOB), type="mail.text")),
    ("unsupported", Right.OWN, lambda: envelope(ANN, Topic("group", bytes(32)), {}, type="x.unknown")),
    ("unsupported", Right.OWN, lambda: envelope(ANN, Topic("space", bytes(32)), {}, type="x.unknown")),
    ("unsupported", Right.OWN, lambda: envelope(ANN, Topic("round", bytes(32)), {}, type="text")),
    ("wrong_server", Right.OWN, lambda: envelope(ANN, Topic("hub", bytes(32)), {}, type="chan.open")),
    ("unsupported", Right.OWN, lambda: envelope(ANN, hub_topic())),
    ("unsupported", Right.OWN, lambda: envelope(ANN, hub_topic(), {}, type="x.unknown")),
    ("bad_request", Right.OWN, lambda: envelope(ANN, hub_topic(), {}, type="set_quota")),
    ("unsupported", Right.OWN, lambda: envelope(ANN, hub_topic(), {}, type="cert.revoke")),
    ("unsupported", Right.OWN, lambda: to_hub(crit=["only_if"], only_if=1)),
    ("gone", Right.OWN, lambda: to_hub(created_at=NOW - CONTROL_WINDOW_MS - 1)),
    ("bad_request", Right.OWN, lambda: envelope(ANN, CHAN, {}, type="profile")),
    ("bad_request", Right.OWN, lambda: envelope(ANN, CHAN, {})),
    ("bad_request", Right.OWN, lambda: envelope(ANN, CHAN, b"not JSON")),
    ("bad_request", Right.OWN, lambda: envelope(ANN, CHAN, {}, type="chat.delete")),
    ("bad_request", Right.OWN, lambda: envelope(ANN, CHAN, {}, type="chat.pin", refs=[("edit", bytes(32))])),
    ("bad_request", Right.OWN, lambda: envelope(ANN, "feed", {}, type="cert.revoke")),
    ("bad_request", Right.OWN, lambda: to_hub(burn_at=NOW + HOUR_MS)),
    ("bad_encoding", Right.OWN, lambda: envelope(ANN, "feed", b'{ "serial":"AAAA" }', type="cert.revoke")),
]


@pytest.mark.parametrize(("code", "right", "make"), REFUSED)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "forged"])
def test_what_is_refused_is_refused_before_the_signature_is_looked_at(
    code: str, right: Right, make: Any, signed: bool
) -> None:
    value = make()
    assert code_of(value if signed else bad_signature(value), right) == code


@pytest.mark.parametrize("right", [Right.OWN, Right.ADMIN, Right.IMPORT])
def test_a_bad_signature_is_found_when_all_else_is_right(right: Right) -> None:
    value = envelope(ANN, CHAN)
    assert code_of(value, right) == ""
    assert code_of(bad_signature(value), right) == "bad_sig"
    assert code_of({**value, "sig": envelope(ANN, CHAN, "other")["sig"]}, right) == "bad_sig"


def test_a_control_message_is_good_for_ten_minutes() -> None:
    value = to_hub()
    assert code_of(value, now=NOW + CONTROL_WINDOW_MS) == ""
    assert code_of(value, now=NOW + CONTROL_WINDOW_MS + 1) == "gone"
    assert code_of(value, now=NOW - MAX_CLOCK_AHEAD_MS) == ""
    assert code_of(value, now=NOW - MAX_CLOCK_AHEAD_MS - 1) == "future"


def test_time_comes_before_the_right_and_the_right_before_the_topic() -> None:
    foreign = {"type": "import.text", "created_at": NOW + HOUR_MS}
    assert code_of(bad_signature(envelope(BOB, Topic("hub", bytes(32)), {}, **foreign))) == "future"
    foreign["created_at"] = NOW
    assert code_of(bad_signature(envelope(BOB, Topic("hub", bytes(32)), {}, **foreign))) == "denied"


def test_an_import_may_be_signed_by_anybody() -> None:
    body = {"text": "hi", "author": "bob", "source": "log:1"}
    assert code_of(envelope(BOB, CHAN, body, type="import.text"), Right.IMPORT) == ""
    assert code_of(envelope(BOB, "feed", "hi"), Right.IMPORT) == ""


# ------------------------------------------------------------------------------------------------------- proof of work


def mail(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return envelope(EVE, inbox(BOB), text, type="mail.text", **fields)


def challenge(**changes: Any) -> dict[str, Any]:
    ring = keyring()
    given: dict[str, Any] = {
        "server": ring.hub.public,
        "key": EVE.public,
        "purpose": "mail",
        "difficulty": DIFFICULTY,
        "now": NOW,
        **changes,
    }
    return pow.make_challenge(given.pop("secret", ring.secret), **given)


def solved(value: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {"challenge": given, "counter": pow.solve(given, parse_envelope(value).id)}


def solves(given: dict[str, Any], value: dict[str, Any], counter: int) -> bool:
    hashed = pow.work(pow.challenge_hash(given, parse_envelope(value).id), counter)
    return int.from_bytes(hashed, "big") >> (256 - DIFFICULTY) == 0


def stranger_code(value: dict[str, Any], proof: Any, now: int = NOW) -> str:
    return code_of(value, Right.STRANGER, proof=proof, now=now)


def test_a_stranger_who_has_worked_is_heard() -> None:
    value = mail()
    assert stranger_code(value, solved(value, challenge())) == ""


def test_the_largest_mail_of_a_stranger() -> None:
    empty = parse_envelope(mail("", created_at=NOW)).size
    for size, code in ((MAX_STRANGER_BYTES, ""), (MAX_STRANGER_BYTES + 1, "too_big")):
        value = mail("x" * (size - empty - len(str(size)) + 2))  # body_size has more digits
        value = mail("x" * (size - empty - len(str(size)) + 2 + size - parse_envelope(value).size))
        assert parse_envelope(value).size == size
        assert stranger_code(value, solved(value, challenge())) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"server": bytes(32)},
        {"key": ANN.public},
        {"secret": bytes(32)},
        {"now": NOW - pow.MAX_LIFE_MS},
    ],
    ids=str,
)
def test_work_for_something_else_is_no_work(changes: dict[str, Any]) -> None:
    value = mail()
    assert stranger_code(bad_signature(value), solved(value, challenge(**changes))) == "pow_needed"


def test_work_for_another_message_is_no_work() -> None:
    value, other, given = mail(), mail("another"), challenge()
    counter = next(
        number for number in itertools.count() if solves(given, other, number) and not solves(given, value, number)
    )
    assert stranger_code(value, {"challenge": given, "counter": counter}) == "pow_needed"
    assert stranger_code(other, {"challenge": given, "counter": counter}) == ""


@pytest.mark.parametrize("proof", [None, {}, {"challenge": 1}, {"challenge": {}, "counter": 0}], ids=str)
def test_a_proof_of_another_form_is_no_work(proof: Any) -> None:
    assert stranger_code(bad_signature(mail()), proof) in ("pow_needed", "bad_request")


@pytest.mark.parametrize("counter", [None, -1, 2**53, True, 1.5, "1"])
def test_a_counter_of_another_form_is_refused(counter: Any) -> None:
    assert stranger_code(mail(), {"challenge": challenge(), "counter": counter}) == "bad_request"


def test_a_changed_challenge_is_not_this_hubs() -> None:
    value, given = mail(), challenge()
    cheap = {**given, "difficulty": 0}
    assert stranger_code(value, {"challenge": cheap, "counter": 0}) == "pow_needed"


def test_a_challenge_is_good_for_one_message_however_often_it_is_sent() -> None:
    value, other, given = mail("one"), mail("other"), challenge()
    assert stranger_code(value, solved(value, given)) == ""
    assert stranger_code(value, solved(value, given)) == ""
    assert stranger_code(other, solved(other, given)) == "pow_needed"


def test_work_comes_before_the_signature() -> None:
    value = mail()
    assert stranger_code(bad_signature(value), None) == "pow_needed"
    assert stranger_code(bad_signature(value), solved(value, challenge())) == "bad_sig"


def test_used_challenges_are_forgotten_when_they_have_expired() -> None:
    used = SolvedOnce()
    for number in range(10_002):
        used.take(number.to_bytes(16, "big"), bytes(32), now=NOW)
    later = NOW + pow.MAX_LIFE_MS
    used.take(b"new", bytes(32), now=later)
    assert len(used._used) == 1
    with pytest.raises(AccordError, match="pow_needed"):
        used.take(b"new", b"other", now=later)
