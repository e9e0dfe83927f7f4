"""Check a file of test vectors: `python -m accord.vectors FILE`.

The file has the form of tests/vectors/protocol.json: one key a section, each a list of cases or one case. Every case is
one entry; an entry passes when this library gives exactly what the case says, refusals included. Sections that this
version does not build are listed, not counted. Ends with `N passed, N failed`; exit code 1 on any failure.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from accord import (
    certs,
    hub_status,
    invites,
    keys,
    login,
    message_types,
    messages,
    pow,
    primitives,
    statements,
    topics,
    vectors_of_blobs,
    vectors_of_keys,
    vectors_of_sealing,
    vectors_of_spaces,
    vectors_of_trees,
    vectors_of_vault,
    vouchers,
)
from accord.encoding import b64decode, b64encode, canonical, is_rising, parse_canonical
from accord.frames import FrameOpener, FrameSealer
from accord.keys import OneTimeKey, SigningKey
from accord.vector_checks import Entry, equal, fail, refused


def _canonical_accept(cases: list[Any]) -> Iterator[Entry]:
    for number, case in enumerate(cases):

        def check(case: Any = case) -> None:
            data = bytes.fromhex(case["bytes"])
            equal(canonical(case["value"]), data)
            equal(parse_canonical(data, max_bytes=len(data)), case["value"])

        yield str(number), check


def _canonical_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        data = bytes.fromhex(case["bytes"])
        yield case["why"], partial(refused, partial(parse_canonical, data, max_bytes=4096), "bad_encoding")


def _base64url_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield repr(case), partial(refused, partial(b64decode, case))


def _order(case: list[str]) -> Iterator[Entry]:
    yield "rising by raw bytes", lambda: equal(is_rising([b64decode(item) for item in case]), True)


def _labels(cases: list[Any], whole: dict[str, Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            equal(primitives.labelled_hash(case["label"], bytes.fromhex(case["data"])).hex(), case["hash"])
            equal(primitives.expand(bytes.fromhex(whole["labels_prk"]), case["label"]).hex(), case["expand"])

        yield case["label"], check


def _ids(case: dict[str, str]) -> Iterator[Entry]:
    def check() -> None:
        ident = topics.open_channel_id(b64decode(case["creator"]), b64decode(case["nonce"]), b64decode(case["hub"]))
        equal(b64encode(ident), case["open_channel"])

    yield "open_channel", check


def _cert(case: dict[str, Any]) -> Iterator[Entry]:
    server = SigningKey(bytes.fromhex(case["server"])).public
    user, peer = SigningKey(bytes.fromhex(case["user"])), SigningKey(bytes.fromhex(case["peer"]))
    now = case["cert"]["issued_at"]

    def accepted() -> None:
        certificate = certs.verify_certificate(case["cert"], server=server, now=now)
        equal((certificate.user, certificate.client), (user.public, peer.public))
        unsigned = {name: item for name, item in case["cert"].items() if name != "signature"}
        equal(b64encode(user.sign("cert", canonical(unsigned))), case["cert"]["signature"])

    yield "cert", accepted
    for number, value in enumerate(case["reject"]):
        verify = partial(certs.verify_certificate, value, server=server, now=now)
        yield f"reject {number}", partial(refused, verify)


def _login(case: dict[str, Any], whole: dict[str, Any]) -> Iterator[Entry]:
    server = SigningKey(bytes.fromhex(whole["cert"]["server"]))
    client = SigningKey(bytes.fromhex(whole["cert"]["peer"]))
    now = whole["cert"]["cert"]["issued_at"]

    def handshake() -> None:
        hub = login.ServerLogin(server, allow_clear=True, onetime=OneTimeKey(bytes.fromhex(case["server_onetime"])))
        peer = login.ClientLogin(
            client,
            certificate=case["inside_box"].get("clientcert"),
            expected=server.public,
            onetime=OneTimeKey(bytes.fromhex(case["client_onetime"])),
        )
        request = peer.request()
        equal(request.data, canonical(case["login_request"]))
        challenge = hub.receive(request.data, now)
        equal(isinstance(challenge, login.Send) and challenge.data, canonical(case["login_challenge"]))
        response = peer.receive(canonical(case["login_challenge"]))
        equal(isinstance(response, login.Send) and response.data, canonical(case["login_response"]))
        proved = hub.receive(canonical(case["login_response"]), now)
        equal(isinstance(proved, login.Proved) and proved.client, client.public)
        agreed = login.SessionKeys(*(bytes.fromhex(case[name]) for name in ("c2s", "s2c", "session")))
        equal((hub.keys, peer.keys), (agreed, agreed))

    def transcripts() -> None:
        th1 = login.transcript_1(case["login_request"], case["login_challenge"])
        equal(th1.hex(), case["th1"])
        th2 = login.transcript_2(
            th1, b64decode(case["login_challenge"]["auth"]), b64decode(case["login_challenge"]["mac"])
        )
        equal(th2.hex(), case["th2"])
        equal(login.transcript_3(th2, b64decode(case["login_response"]["box"])).hex(), case["th3"])

    yield "handshake", handshake
    yield "transcripts", transcripts
    for number, frame in enumerate(case["frames"]):

        def check(frame: Any = frame) -> None:
            key, plaintext = bytes.fromhex(case[frame["direction"]]), bytes.fromhex(frame["plaintext"])
            sealer, opener = FrameSealer(key, frame["counter"]), FrameOpener(key, frame["counter"])
            if frame["type"] == 1:
                equal(sealer.seal(plaintext).hex(), frame["frame"])
                equal(opener.open(bytes.fromhex(frame["frame"])), plaintext)
            else:
                refused(lambda: opener.open(bytes.fromhex(frame["frame"])), "unsupported")

        yield f"frame {number}", check


def _messages(cases: list[Any]) -> Iterator[Entry]:
    for number, case in enumerate(cases):

        def check(case: Any = case) -> None:
            message = messages.verify(messages.parse_envelope(case["envelope"]))
            message_types.check_type(message)
            equal(message.header_bytes.hex(), case["canonical"])
            equal(b64encode(message.id), case["id"])
            equal(str(messages.message_uuid(message.id)), case["uuid"])
            author = SigningKey(bytes.fromhex(case["author"]))
            equal(author.public, message.author)
            equal(author.sign("event", message.header_bytes), message.sig)

        yield str(number), check


def _messages_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            refused(lambda: messages.verify(messages.parse_envelope(case["envelope"])), case["code"])

        yield case["why"], check


def _message_types_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            message = messages.verify(messages.parse_envelope(case["envelope"]))
            refused(lambda: message_types.check_type(message), case["code"])

        yield case["why"], check


def _statement(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        server = SigningKey(bytes.fromhex(case["server"]))
        statement = statements.verify_statement(case["statement"], hub=server.public)
        rest = {name: item for name, item in statement.items() if name not in ("v", "hub", "sig")}
        equal(statements.make_statement(server, **rest), case["statement"])

    yield "statement", check


def _pow(case: dict[str, Any]) -> Iterator[Entry]:
    ch = pow.challenge_hash(case["challenge"], bytes.fromhex(case["bind"]))
    difficulty = case["challenge"]["difficulty"]

    def accepted() -> None:
        equal(ch.hex(), case["ch"])
        equal(pow.work(ch, case["counter"]).hex(), case["hash"])
        pow.check_work(ch, case["counter"], difficulty)

    yield "solution", accepted
    yield "reject", lambda: refused(lambda: pow.check_work(ch, case["reject_counter"], difficulty), "pow_needed")


def _voucher(case: dict[str, Any]) -> Iterator[Entry]:
    context = {"hub": b64decode(case["hub"]), "stranger": b64decode(case["stranger"]), "now": case["now"]}

    def accepted() -> None:
        voucher = vouchers.verify_voucher(case["voucher"], **context)
        user = SigningKey(bytes.fromhex(case["user"]))
        equal((voucher.user, voucher.stranger), (user.public, context["stranger"]))
        unsigned = {name: item for name, item in case["voucher"].items() if name != "sig"}
        equal(b64encode(user.sign("voucher", canonical(unsigned))), case["voucher"]["sig"])
        equal(vouchers.show_voucher(case["voucher"]), case["text"])
        equal(vouchers.read_voucher(case["text"]), case["voucher"])

    yield "voucher", accepted
    for bad in case["reject_texts"]:
        yield bad["why"], partial(refused, partial(vouchers.read_voucher, bad["text"]), bad["code"])
    for bad in case["reject"]:
        yield bad["why"], partial(refused, partial(vouchers.verify_voucher, bad["voucher"], **context), bad["code"])


def _ticket(case: dict[str, Any]) -> Iterator[Entry]:
    secret = bytes.fromhex(case["secret"])
    context = {"server": b64decode(case["server"]), "key": b64decode(case["key"]), "ident": b64decode(case["id"])}

    def check(hub_secret: bytes, now: int, ticket: Any = case["ticket"]) -> None:
        vouchers.check_ticket(hub_secret, ticket, **context, now=now)

    def accepted() -> None:
        equal(vouchers.make_ticket(secret, **context, now=case["ticket"]["given"]), case["ticket"])
        for now in (case["good_from"], case["good_until"] - 1):
            check(secret, now)
            refused(partial(check, bytes(32), now), "pow_needed")
        for now in (case["good_from"] - 1, case["good_until"]):
            refused(partial(check, secret, now), "pow_needed")

    yield "ticket", accepted
    for bad in case["reject"]:
        yield bad["why"], partial(refused, partial(check, secret, case["good_from"], bad["ticket"]), bad["code"])


def _invite(case: dict[str, str]) -> Iterator[Entry]:
    def check() -> None:
        temporary = invites.temporary_key(bytes.fromhex(case["secret"]))
        equal(temporary.seed.hex(), case["temporary_private"])
        hub, new = b64decode(case["hub"]), SigningKey(bytes.fromhex(case["new_private"]))
        equal(b64encode(invites.make_proof(new, hub=hub, temp=temporary.public)), case["proof"])
        invites.verify_proof(b64decode(case["proof"]), hub=hub, temp=temporary.public, new=new.public)

    yield "claim", check


def _invite_circle(case: dict[str, Any]) -> Iterator[Entry]:
    def link() -> None:
        parsed = invites.parse_link(case["link"])
        equal(str(parsed), case["link"])
        equal((parsed.secret.hex(), parsed.people), (case["secret"], case["people"]))

    yield "link", link
    for private in case["temporary_privates"]:

        def check(place: int = private["place"], expected: str = private["private"]) -> None:
            equal(invites.temporary_key(bytes.fromhex(case["secret"]), place).seed.hex(), expected)

        yield f"place {private['place']}", check


def _claim_codes(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            equal(invites.normalize_code(case["typed"]), case["code"])
            equal(invites.show_code(case["code"]), case["shown"])
            equal(b64encode(invites.hash_code(case["code"], b64decode(case["temp"]))), case["hash"])

        yield repr(case["typed"]), check


def _claim_codes_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(invites.normalize_code, case["typed"]), "bad_request")


def _invite_links_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(invites.parse_link, case["link"]), "bad_request")


def _statements_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(statements.verify_statement, case["statement"]), case["code"])


def _hub_status(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            server = SigningKey(bytes.fromhex(case["server"]))
            removed = [(b64decode(row["key"]), row["at"]) for row in case["removed"]]
            made = hub_status.make_status(server, at=case["at"], seq=case["seq"], removed=removed)
            equal(made, [case["statement"]])
            equal(hub_status.read_status(case["statement"], hub=server.public).removed, removed)

        yield f"number {case['seq']}", check


def _hub_status_reject(case: dict[str, Any]) -> Iterator[Entry]:
    hub = b64decode(case["hub"])
    for one in case["cases"]:
        read = partial(hub_status.read_status, one["statement"], hub=hub)
        yield one["why"], partial(refused, read, one["code"])


def _signatures(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        parts = [bytes.fromhex(case[name]) for name in ("key", "message", "signature")]
        verify = partial(keys.verify_raw, *parts)
        yield case["why"], verify if case["valid"] else partial(refused, verify, "bad_sig")


_ALONE: dict[str, Callable[[Any], Iterator[Entry]]] = {
    "canonical_accept": _canonical_accept,
    "canonical_reject": _canonical_reject,
    "base64url_reject": _base64url_reject,
    "order": _order,
    "ids": _ids,
    "cert": _cert,
    "messages": _messages,
    "messages_reject": _messages_reject,
    "message_types_reject": _message_types_reject,
    **vectors_of_trees.ALONE,
    **vectors_of_keys.ALONE,
    **vectors_of_vault.ALONE,
    **vectors_of_sealing.ALONE,
    **vectors_of_blobs.ALONE,
    **vectors_of_spaces.ALONE,
    "statement": _statement,
    "statements_reject": _statements_reject,
    "hub_status": _hub_status,
    "hub_status_reject": _hub_status_reject,
    "pow": _pow,
    "voucher": _voucher,
    "ticket": _ticket,
    "invite": _invite,
    "invite_links_reject": _invite_links_reject,
    "invite_circle": _invite_circle,
    "claim_codes": _claim_codes,
    "claim_codes_reject": _claim_codes_reject,
    "signatures": _signatures,
}
_WITH_FILE: dict[str, Callable[[Any, dict[str, Any]], Iterator[Entry]]] = {
    "labels": _labels,
    "login": _login,
    **vectors_of_trees.WITH_FILE,
}
_NOT_CASES = frozenset({"about", "labels_prk"})


def entries(whole: dict[str, Any]) -> Iterator[tuple[str, Callable[[], None] | None]]:
    """Every entry of a vector file as (name, check); check is None for a section that is not built."""
    for section, cases in whole.items():
        if section in _NOT_CASES:
            continue
        if section in _ALONE:
            build = partial(_ALONE[section], cases)
        elif section in _WITH_FILE:
            build = partial(_WITH_FILE[section], cases, whole)
        else:
            yield section, None
            continue
        try:
            found = list(build())
        except Exception as error:  # noqa: BLE001 - a section that cannot be taken apart is one failed entry
            yield f"{section}: malformed", partial(fail, f"{type(error).__name__}: {error}")
            continue
        for name, check in found:
            yield f"{section}: {name}", check


def main(arguments: list[str]) -> int:
    """The command; gives its exit code."""
    if len(arguments) != 1:
        print("usage: python -m accord.vectors FILE", file=sys.stderr)
        return 2
    try:
        whole = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        if not isinstance(whole, dict):
            raise ValueError("an object of sections expected")
    except (OSError, ValueError, RecursionError) as error:
        print(f"cannot read {arguments[0]}: {error}", file=sys.stderr)
        return 1
    passed = failed = 0
    for name, check in entries(whole):
        if check is None:
            print(f"not built yet: {name}")
            continue
        try:
            check()
        except Exception as error:  # noqa: BLE001 - a malformed entry is a failed entry
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
