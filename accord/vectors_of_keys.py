"""Checks of the sections of a vector file about new keys for accounts (accord.vectors; protocol.md section 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from accord import former, replacing, statements, words
from accord.encoding import b64decode, b64encode
from accord.keys import SigningKey
from accord.vector_checks import Entry, equal, refused


def _recovery(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        code, hub, user = bytes.fromhex(case["code"]), b64decode(case["hub"]), b64decode(case["user"])
        equal(replacing.RECOVERY_CODE.groups(code), case["groups"])
        for typed in case["typed"]:
            equal(replacing.RECOVERY_CODE.parse(typed), code)
        recovery = replacing.recovery_key(code, hub)
        equal(recovery.seed.hex(), case["recovery_private"])
        equal(b64encode(replacing.make_recovery_proof(recovery, hub=hub, user=user)), case["proof"])
        replacing.verify_recovery_proof(b64decode(case["proof"]), hub=hub, user=user, recovery=recovery.public)

    yield "code, key, proof", check


def _recovery_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        if "typed" in case:
            yield case["why"], partial(refused, partial(replacing.RECOVERY_CODE.parse, case["typed"]), "bad_request")
        else:
            keys = {name: b64decode(case[name]) for name in ("hub", "user", "recovery")}
            verify = partial(replacing.verify_recovery_proof, b64decode(case["proof"]), **keys)
            yield case["why"], partial(refused, verify, "bad_sig")


def _replacement(case: dict[str, str]) -> Iterator[Entry]:
    def check() -> None:
        hub, old, new = b64decode(case["hub"]), b64decode(case["old"]), SigningKey(bytes.fromhex(case["new_private"]))
        equal(b64encode(replacing.make_replacement_proof(new, hub=hub, old=old)), case["proof"])
        replacing.verify_replacement_proof(b64decode(case["proof"]), hub=hub, old=old, new=new.public)
        link = replacing.parse_vouch_link(case["link"])
        equal((link.old, link.new, b64encode(link.proof)), (old, new.public, case["proof"]))
        equal(str(link), case["link"])

    yield "proof, link", check


def _replacement_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        if "link" in case:
            yield case["why"], partial(refused, partial(replacing.parse_vouch_link, case["link"]))
        else:
            keys = {name: b64decode(case[name]) for name in ("hub", "old", "new")}
            verify = partial(replacing.verify_replacement_proof, b64decode(case["proof"]), **keys)
            yield case["why"], partial(refused, verify, "bad_sig")


def _key_words(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        one, other = (b64decode(key) for key in case["keys"])
        equal(words.key_words(one, other), case["words"])
        equal(words.key_words(other, one), case["words"])
        equal([words.word(number) for number in (0, 1, 2, 1023, 2047)], case["list"])

    yield "words", check


def _former(cases: list[Any]) -> Iterator[Entry]:
    def check(case: dict[str, Any]) -> None:
        found = former.read_former(case["former"], hub=b64decode(case["hub"]), user=b64decode(case["user"]))
        shown = [
            {
                "key": b64encode(change.key),
                "way": change.way,
                "by": [b64encode(key) for key in change.by],
                "signed_at": change.signed_at,
            }
            for change in found
        ]
        equal(shown, case["proved"])

    for case in cases:
        yield case["why"], partial(check, case)


def _former_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        keys = {name: b64decode(case[name]) for name in ("hub", "old", "new")}
        yield case["why"], partial(refused, partial(former.verify_change, case["change"], **keys))


def _hub_admin(cases: list[Any]) -> Iterator[Entry]:
    def check(case: dict[str, Any]) -> None:
        admin = statements.read_admin(case["statement"])
        equal(b64encode(admin.user), case["user"])
        equal(statements.also_json(admin.also), case["statement"].get("also", []))
        for key in case["stands"]:
            equal(admin.has(b64decode(key["key"]), key["at"]), key["is"])

    for case in cases:
        yield case["why"], partial(check, case)


def _hub_admin_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(statements.read_admin, case["statement"]))


ALONE: Final[dict[str, Callable[[Any], Iterator[Entry]]]] = {
    "recovery": _recovery,
    "recovery_reject": _recovery_reject,
    "replacement": _replacement,
    "replacement_reject": _replacement_reject,
    "key_words": _key_words,
    "former": _former,
    "former_reject": _former_reject,
    "hub_admin": _hub_admin,
    "hub_admin_reject": _hub_admin_reject,
}
