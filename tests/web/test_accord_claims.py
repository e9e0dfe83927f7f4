"""certs.js, statements.js, invites.js and login.js give the answers of Python, in both directions."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from playwright.async_api import Page

from accord import certs, invites, login, statements
from accord.encoding import b64decode, b64encode, canonical, parse_json
from accord.keys import OneTimeKey, SigningKey
from tests.accord import support
from tests.accord.support import CLIENT, HUB, KEY, NOW, OTHER, USER
from tests.web.agreement import ODD, agree, bit_flipped, json_of, outcome, shown, without

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_certificates(accord: Page) -> None:
    dice = random.Random(6)
    base = certs.issue(
        USER, client=CLIENT.public, servers=[HUB.public, OTHER.public], issued_at=NOW, scope=("relay", "login")
    )
    anywhere = certs.issue(USER, client=CLIENT.public, servers=[certs.ANYWHERE], issued_at=NOW)
    changes: list[tuple[str, Any]] = [
        ("scope", ["relay", "login"]), ("scope", ["login", "login"]), ("scope", ["login"]), ("servers", ["*"]),
        ("servers", ["*", KEY]), ("servers", [KEY]), ("servers", [*reversed(base["servers"])]), ("servers", ["*", "*"]),
        ("clientkey", base["userkey"]), ("issued_at", NOW + 300_000), ("issued_at", NOW + 300_001),
        ("issued_at", NOW - 1),
        ("expiration", NOW), ("expiration", NOW + 1), ("expiration", NOW - 1), ("expiration", NOW + certs.MAX_LIFE_MS),
        ("expiration", NOW + certs.MAX_LIFE_MS + 1), ("v", 2), ("v", True), ("v", 1.0), ("more", 1), ("type", "x"),
    ]  # fmt: skip
    changes += [(field, odd) for field in base for odd in dice.sample(ODD, 12)]
    values = [base, anywhere, *({**base, field: item} for field, item in changes)]
    values += [{**anywhere, "expiration": NOW + certs.MAX_LIFE_ANYWHERE_MS + extra} for extra in (0, 1)]
    cases = []
    for value in values:
        cases.append(json_of(value))
        unsigned = without(value, "signature")
        if support.code_of(canonical, unsigned) is None:
            cases.append(json_of({**value, "signature": b64encode(USER.sign("cert", canonical(unsigned)))}))
    cases += [json_of(without(base, field)) for field in base] + [json_of(odd) for odd in ODD]

    def verdict(text: str) -> str:
        found = certs.verify_certificate(parse_json(text, max_bytes=2**20), server=HUB.public, now=NOW)
        there = {
            "user": found.user,
            "client": found.client,
            "issuedAt": found.issued_at,
            "expiration": found.expiration,
        }
        return shown({**there, "scope": found.scope, "servers": found.servers, "serial": found.serial})

    await agree(accord, "certificate", cases, verdict, "bad_request", "bad_encoding", "bad_sig", "unauthorized")


async def test_certificates_of_the_page_are_good_in_python(accord: Page) -> None:
    found = await accord.evaluate(
        """async ([user, client, servers, issuedAt]) => {
          const { b64decode } = accord.encoding;
          const key = await accord.keys.signingKeyFromSeed(b64decode(user));
          const clientKey = b64decode(client);
          const { makeCertificate } = accord.certs;
          return [
            await makeCertificate(key, { clientKey, issuedAt, servers: servers.map((one) => b64decode(one)) }),
            await makeCertificate(key, { clientKey, issuedAt, servers: ["*"], scope: ["relay", "login"] }),
            await makeCertificate(key, { clientKey, issuedAt, servers: ["*"], expiration: issuedAt + 5 }),
          ];
        }""",
        [b64encode(USER.seed), b64encode(CLIENT.public), [b64encode(OTHER.public), b64encode(HUB.public)], NOW],
    )
    read = [certs.verify_certificate(value, server=HUB.public, now=NOW) for value in found]
    assert [set(one.servers) for one in read] == [{HUB.public, OTHER.public}, {b"*"}, {b"*"}]
    assert [one.scope for one in read] == [("login",), ("login", "relay"), ("login",)]
    assert [one.expiration - NOW for one in read] == [certs.DEFAULT_LIFE_MS, certs.DEFAULT_LIFE_MS, 5]
    assert {(one.user, one.client) for one in read} == {(USER.public, CLIENT.public)}


async def test_statements(accord: Page) -> None:
    dice = random.Random(7)
    base = statements.make_statement(HUB, type="root", at=NOW, count=3, policy={"strangers": ["x"]})
    values = [
        base,
        statements.make_statement(HUB, type="hub", at=NOW),
        statements.make_statement(OTHER, type="root", at=0),
    ]
    values += [{**base, field: odd} for field in (*base, "more", "constructor") for odd in dice.sample(ODD, 20)]
    values += [without(base, field) for field in base]
    cases = []
    for value in values:
        cases.append(json_of(value))
        unsigned = without(value, "sig")
        if support.code_of(canonical, unsigned) is None:
            cases.append(json_of({**value, "sig": b64encode(HUB.sign("statement", canonical(unsigned)))}))
    cases += [json_of(odd) for odd in ODD]

    def verdict(text: str) -> str:
        value = parse_json(text, max_bytes=2**20)
        return canonical(statements.verify_statement(value, hub=HUB.public, type="root")).decode()

    await agree(accord, "statement", cases, verdict, "bad_request", "bad_encoding", "bad_sig", "wrong_server")


ORIGINS = [
    "https://hub.example", "http://127.0.0.1:51030", "https://[::1]:8000", "https://[2001:db8::1]", "HTTPS://Hub.Example:1",
    "https://h\u00fcb.example", "https://hub_1", "https://[::ffff:1.2.3.4]", "https://[1::2::3]", "https://[::g]",
    "https://[1.2.3.4]", "https://hub.example:65535", "https://hub.example:65536", "https://hub.example:0",
    "https://hub.example:00080", "https://hub.example:000080", "https://hub.example:", "https://hub:\u0661", "https://a[::1]",
    "https://[::1]a", "https://hub.example.", "https://\u4e94.example", "https://hub\u0301.example", "httpſ://hub", "ftp://hub",
    "https:/hub", "https:hub", "https:\\\\hub", "https://hub\\x", "https://hub?x", "https://hub#x", "https://[]", "https://",
]  # fmt: skip


async def test_invite_links(accord: Page) -> None:
    dice = random.Random(8)
    secret, hub = b64encode(bytes(range(32))), b64encode(HUB.public)
    tails = [f"/join#{secret}.{hub}", f"/join?#{secret}.{hub}", f"/join?a#{secret}.{hub}", f"/join;x#{secret}.{hub}"]
    cases = [origin + tail for origin in ORIGINS for tail in tails[:2]] + [ORIGINS[0] + tail for tail in tails]
    good = cases[0]
    around = [
        "",
        " ",
        "\n",
        "\t",
        "\r\n",
        "\0",
        "\x1f",
        "\x1c",
        "\x85",
        "\xa0",
        "\u2003",
        "\u3000",
        "\ufeff",
        "\u200b",
        "<",
        "'",
    ]
    cases += [before + good for before in around] + [good + after for after in around]
    cases += [good + " " * (1000 - len(good) + extra) for extra in (0, 1)]
    cases += [
        f"{good}.{people}" for people in (*range(54), "07", "7.", ".7", "7.7", "7 ", "\u0667", "+7", "7\n", "\uff17")
    ]
    cases += ["\U0001f600" * 400, "\U0001f600" * 1001, ""]
    scars = ["", "\n", "\t", " ", ".", "#", "?", "/", "@", ":", "\\", "%", "A", "=", "é", "\u2100", "[", "]", "\0"]
    for _ in range(500):
        at = dice.randrange(len(good) + 1)
        cases.append(good[:at] + dice.choice(scars) + good[at + dice.randrange(2) :])
    await agree(accord, "link", cases, lambda text: str(invites.parse_link(text)), "bad_request")


async def test_claim_codes(accord: Page) -> None:
    dice = random.Random(10)
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ -_\u0131\u017f\u212a\u0661\uff21\n\t\xa0"
    cases = ["".join(dice.choices(letters[:66], k=dice.randrange(9, 13))) for _ in range(300)]
    cases += ["".join(dice.choices(letters, k=10)) for _ in range(300)]
    await agree(accord, "code", cases, invites.normalize_code, "bad_request")


async def test_links_of_the_page_are_good_in_python(accord: Page) -> None:
    found = await accord.evaluate(
        """async (hub) => {
          const { b64decode, b64encode } = accord.encoding;
          const link = accord.invites.newLink("https://hub.example", b64decode(hub), 7);
          const temporary = await accord.invites.temporaryKey(link.secret, 6);
          const newKey = await accord.keys.generateSigningKey();
          const proof = await accord.invites.makeProof(newKey, { hub: link.hub, temp: temporary.publicKey });
          const code = accord.invites.newCode();
          const hash = await accord.invites.hashCode(code, temporary.publicKey);
          const names = [accord.invites.placeholderName(), accord.invites.showCode(code)];
          return [[String(link), ...names], temporary.publicText, newKey.publicText, b64encode(proof), b64encode(hash)];
        }""",
        b64encode(HUB.public),
    )
    text, name, code = found[0]
    link = invites.parse_link(text)
    temp, new, proof, code_hash = map(b64decode, found[1:])
    assert invites.is_placeholder(name)
    assert invites.hash_code(invites.normalize_code(code), temp) == code_hash
    assert (link.people, link.places) == (7, list(range(7)))
    assert (link.origin, link.hub, invites.temporary_key(link.secret, 6).public) == (
        "https://hub.example",
        HUB.public,
        temp,
    )
    invites.verify_proof(proof, hub=HUB.public, temp=temp, new=new)


def _client(case: dict[str, Any]) -> login.ClientLogin:
    return login.ClientLogin(
        SigningKey(b64decode(case["client"])),
        certificate=case["certificate"],
        expected=None if case["expected"] is None else b64decode(case["expected"]),
        sealed=case["sealed"],
        onetime=OneTimeKey(b64decode(case["onetime"])),
    )


def _event(event: object) -> str:
    match event:
        case login.Send(data):
            return shown({"kind": "send", "data": data.decode()})
        case login.LoggedIn(server, result):
            return shown({"kind": "logged_in", "server": server, "result": result})
        case login.Refused():
            return shown({"kind": "refused", **dataclasses.asdict(event)})
    raise AssertionError(event)


def _logging_in(case: dict[str, Any]) -> str:
    peer = _client(case)
    events = [peer.request().data.decode()]
    for answer in case["answers"]:
        data = answer["text"] if "text" in answer else b64decode(answer["bytes"])
        events += [str(outcome(lambda data: _event(peer.receive(data)), data)), peer.state.value]
    return "|".join(events)


def _handshakes(dice: random.Random) -> Iterable[dict[str, Any]]:
    """A login with each of its messages changed in many ways, and some that go well."""
    certificate = certs.issue(USER, client=CLIENT.public, servers=[HUB.public], issued_at=NOW)
    for sealed in (True, False):
        case = {
            "client": b64encode(CLIENT.seed),
            "onetime": b64encode(bytes([9]) * 32),
            "expected": b64encode(HUB.public) if sealed else None,
            "sealed": sealed,
            "certificate": certificate if sealed else None,
        }
        for result in (
            {},
            {"ok": False, "code": "denied"},
            {"ok": False, "code": "x"},
            {"ok": False},
            {"ok": 1},
            {"v": 2},
        ):
            hub = login.ServerLogin(HUB, allow_clear=True, onetime=OneTimeKey(bytes([8]) * 32))
            peer = _client({**case, "answers": []})
            challenge = hub.receive(peer.request().data, NOW)
            response = peer.receive(challenge.data)
            hub.receive(response.data, NOW)
            value = {"v": 1, "type": "login_result", "ok": True, "session": "x", **result}
            plain = canonical(value)
            clear = {"text": plain.decode()}
            frame = login.FrameSealer(hub.keys.s2c).seal(plain)
            first = {"text": challenge.data.decode()}
            last = {"bytes": b64encode(frame)} if sealed else clear
            yield {**case, "answers": [first, last, last]}
            yield {**case, "answers": [first, clear]}
            yield {**case, "answers": [first, {"bytes": b64encode(frame)}]}
            yield {**case, "answers": [first, {"bytes": b64encode(bit_flipped(dice, frame))}, last]}
            yield {**case, "answers": [first, {"bytes": ""}]}
            yield {**case, "answers": [last, first]}
            yield {**case, "expected": KEY, "answers": [first, last]}
        for code in (*login.LOGIN_ERRORS, "denied", 1):
            refusal = {"text": json_of({"code": code, "type": "login_error", "v": 1}).replace(" ", "")}
            yield {**case, "answers": [refusal]}
            yield {**case, "answers": [first, refusal]}
        value = json.loads(challenge.data)
        changed = [{**value, field: odd} for field in (*value, "more") for odd in dice.sample(ODD, 12)]
        changed += [
            {**value, field: b64encode(bit_flipped(dice, b64decode(value[field])))} for field in ("auth", "mac")
        ]
        changed += [{**value, "onetimekey": b64encode(bytes(31) + bytes([last]))} for last in (0, 128)]
        for item in [*changed, *ODD]:
            yield {
                **case,
                "answers": [{"text": json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=False)}],
            }


async def test_logins(accord: Page) -> None:
    cases = list(_handshakes(random.Random(9)))
    assert len(cases) > 200
    found = [_logging_in(case) for case in cases]
    told = "|".join(found)
    for code in ("bad_sig", "wrong_server", "bad_encoding", "bad_request", "too_big"):
        assert f"refused: {code}" in told
    assert "logged_in" in told
    assert '"kind":"refused"' in told
    await agree(accord, "login", cases, _logging_in)
