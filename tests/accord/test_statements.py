"""Statements that are refused for one changed field are in tests/vectors, section statements_reject."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from accord.encoding import b64encode
from accord.statements import make_statement, verify_statement
from tests.accord.support import HUB, NOW, OTHER, code_of, keys, objects, quick

OWN = {"v", "type", "hub", "at", "sig", "server"}


def _code(value: object, **expected: Any) -> str | None:
    return code_of(verify_statement, value, **expected)


@quick
@given(objects.filter(lambda fields: not OWN & fields.keys()), keys.filter(lambda name: name not in OWN))
def test_what_a_hub_states_is_verified(fields, name):
    statement = make_statement(HUB, type="root", at=NOW, **fields)
    assert verify_statement(statement) == {
        **fields,
        "v": 1,
        "type": "root",
        "hub": b64encode(HUB.public),
        "at": NOW,
        "sig": statement["sig"],
    }
    changed = {**statement, name: "other"} if statement.get(name) != "other" else {**statement, name: "another"}
    assert _code(changed) == "bad_sig"


def test_expected_hub_and_type():
    statement = make_statement(HUB, type="root", at=NOW)
    assert verify_statement(statement, hub=HUB.public, type="root") == statement
    assert _code(statement, hub=OTHER.public) == "wrong_server"
    assert _code(statement, type="pruned") == "bad_request"


def test_another_hub_cannot_speak_for_it():
    statement = {**make_statement(OTHER, type="root", at=NOW), "hub": b64encode(HUB.public)}
    assert _code(statement) == "bad_sig"


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"v": 1}, {"v": 1, "type": "root"}])
def test_no_statement(value):
    assert _code(value) == "bad_request"
