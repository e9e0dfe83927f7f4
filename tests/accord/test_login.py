from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord import login
from accord.certs import ANYWHERE
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import OneTimeKey, SigningKey
from accord.login import TRANSITIONS, ClientLogin, LoggedIn, Proved, Refused, Send, ServerLogin, State
from accord.primitives import expand, extract
from tests.accord.support import CLIENT, HOUR_MS, HUB, NOW, OTHER, USER, certificate, code_of, nested

CERT = certificate()
HUB_ONETIME, CLIENT_ONETIME = OneTimeKey(b"h" * 32), OneTimeKey(b"c" * 32)


def _hub(server: SigningKey = HUB, **options: Any) -> ServerLogin:
    return ServerLogin(server, **{"allow_clear": True, "onetime": HUB_ONETIME, **options})


def _peer(**options: Any) -> ClientLogin:
    given = {"certificate": CERT, "expected": HUB.public, "onetime": CLIENT_ONETIME, **options}
    return ClientLogin(CLIENT, **given)


def _data(event: object) -> bytes:
    assert isinstance(event, Send)
    return event.data


def _handshake(hub: ServerLogin, peer: ClientLogin) -> Proved:
    response = peer.receive(_data(hub.receive(peer.request().data, NOW)))
    proved = hub.receive(_data(response), NOW)
    assert isinstance(proved, Proved)
    return proved


class ForgedClient:
    """A client that goes by the page but for what a test tells it."""

    def __init__(self, **request: Any) -> None:
        self.onetime = OneTimeKey(b"f" * 32)
        self.request = {
            "v": 1,
            "type": "login_request",
            "suite": 1,
            "frames": "sealed",
            "onetimekey": b64encode(self.onetime.public),
            **request,
        }
        self.challenge: dict[str, Any] = {}
        self.prk = self.th2 = b""

    def start(self, hub: ServerLogin) -> None:
        self.challenge = json.loads(_data(hub.receive(canonical(self.request), NOW)))
        th1 = login.transcript_1(self.request, self.challenge)
        self.prk = extract(th1, self.onetime.agree(b64decode(self.challenge["onetimekey"])))
        self.th2 = login.transcript_2(th1, b64decode(self.challenge["auth"]), b64decode(self.challenge["mac"]))

    def response(self, inside: Any, **fields: Any) -> bytes:
        plain = inside if isinstance(inside, bytes) else canonical(inside)
        box = AESGCM(expand(self.prk, "login-client")).encrypt(bytes(12), plain, self.th2)
        return canonical({"v": 1, "type": "login_response", "box": b64encode(box), **fields})

    def proof(self, key: SigningKey = CLIENT) -> dict[str, Any]:
        return {"clientkey": b64encode(key.public), "auth": b64encode(key.sign("login-response", self.th2))}


# --------------------------------------------------------------------------------------------- both machines together


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "clear"])
@pytest.mark.parametrize("cert", [CERT, None], ids=["certificate", "guest"])
@pytest.mark.parametrize("expected", [HUB.public, None], ids=["pinned", "first sight"])
def test_login(sealed, cert, expected):
    hub = ServerLogin(HUB, allow_clear=True)
    peer = ClientLogin(CLIENT, certificate=cert, expected=expected, sealed=sealed)
    proved = _handshake(hub, peer)
    assert (proved.client, proved.error) == (CLIENT.public, None)
    if cert is None:
        assert proved.certificate is None
    else:
        assert proved.certificate is not None
        assert (proved.certificate.user, proved.certificate.client) == (USER.public, CLIENT.public)
    assert hub.keys == peer.keys
    assert len({hub.keys.c2s, hub.keys.s2c, hub.keys.exporter}) == 3

    result, sealer, opener = hub.accept({"session": "s", "limits": {"frame": 1}})
    assert result.binary == sealed
    welcome = peer.receive(result.data)
    assert isinstance(welcome, LoggedIn)
    assert welcome.server == HUB.public
    assert welcome.result == {
        "v": 1,
        "type": "login_result",
        "ok": True,
        "session": "s",
        "limits": {"frame": 1},
    }
    assert (hub.state, peer.state) == (State.DONE, State.DONE)
    if sealed:
        for number in range(3):
            assert opener.open(peer.sealer.seal(b"up %d" % number)) == b"up %d" % number
            assert peer.opener.open(sealer.seal(b"down %d" % number)) == b"down %d" % number
    else:
        assert (sealer, opener, peer.sealer, peer.opener) == (None,) * 4


def test_the_client_is_never_in_clear():
    hub, peer = _hub(), _peer()
    request = peer.request()
    challenge = hub.receive(request.data, NOW)
    response = peer.receive(_data(challenge))
    for secret in (CLIENT.public, USER.public):
        for message in (request, challenge, response):
            assert secret not in _data(message)
            assert b64encode(secret).encode() not in _data(message)


def test_sessions_share_no_key():
    first, second = (ServerLogin(HUB, allow_clear=True) for _ in range(2))
    for hub in (first, second):
        _handshake(hub, ClientLogin(CLIENT, certificate=None, expected=None))
    keys = [key for hub in (first, second) for key in (hub.keys.c2s, hub.keys.s2c, hub.keys.exporter)]
    assert len(set(keys)) == 6


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "clear"])
@pytest.mark.parametrize("code", ["unauthorized", "denied"])
def test_hub_refuses(sealed, code):
    hub, peer = _hub(), _peer(sealed=sealed)
    _handshake(hub, peer)
    assert peer.receive(hub.refuse(code).data) == Refused(code, authenticated=True)
    assert (hub.state, peer.state) == (State.FAILED, State.FAILED)


@pytest.mark.parametrize(
    ("facts", "reason", "until"),
    [
        ({"reason": "frozen", "until": NOW}, "frozen", NOW),
        ({"reason": "removed"}, "removed", 0),
        ({"reason": "<b>", "until": -1}, "", 0),
        ({"reason": "x" * 33, "until": 2**44}, "", 0),
        ({"reason": 1, "until": True}, "", 0),
    ],
)
def test_a_refusal_says_why_and_until_when(facts, reason, until):
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    said = peer.receive(hub.refuse("denied", **facts).data)
    assert said == Refused("denied", authenticated=True, reason=reason, until=until)


def test_result_cannot_be_made_to_say_no():
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    answer = peer.receive(hub.accept({"ok": False, "type": "x", "v": 2})[0].data)
    assert answer == LoggedIn(HUB.public, {"v": 1, "type": "login_result", "ok": True})


# ----------------------------------------------------------------------------------------- every byte of every message

BROKEN = ("bad_request", "bad_encoding", "bad_sig", "unsupported", "wrong_server")


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "clear"])
@pytest.mark.parametrize("expected", [HUB.public, None], ids=["pinned", "first sight"])
@pytest.mark.parametrize("flip", [0x01, 0x02, 0x20, 0x80])
def test_changed_request(sealed, expected, flip):
    request = _peer(sealed=sealed, expected=expected).request().data
    answered = 0
    for place in range(len(request)):
        hub, peer = _hub(), _peer(sealed=sealed, expected=expected)
        peer.request()
        changed = bytearray(request)
        changed[place] ^= flip
        try:
            challenge = _data(hub.receive(bytes(changed), NOW))
        except RemoteError:
            assert hub.state is State.FAILED
            continue
        answered += 1
        assert code_of(peer.receive, challenge) == "bad_sig", place
        assert peer.state is State.FAILED
        assert hub.state is State.CHALLENGED
    if flip != 0x80:
        assert answered > 0  # another one-time key is a good one: the client has to notice


@pytest.mark.parametrize("expected", [HUB.public, None], ids=["pinned", "first sight"])
@pytest.mark.parametrize("flip", [0x01, 0x02, 0x20, 0x80])
def test_changed_challenge(expected, flip):
    request = _peer(expected=expected).request().data
    challenge = _data(_hub().receive(request, NOW))
    for place in range(len(challenge)):
        peer = _peer(expected=expected)
        assert peer.request().data == request
        changed = bytearray(challenge)
        changed[place] ^= flip
        assert code_of(peer.receive, bytes(changed)) in BROKEN, place
        assert (peer.state, peer.keys) == (State.FAILED, None), place


@pytest.mark.parametrize("cert", [CERT, None], ids=["certificate", "guest"])
@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_changed_response(cert, flip):
    peer = _peer(certificate=cert)
    request = peer.request().data
    response = _data(peer.receive(_data(_hub().receive(request, NOW))))
    for place in range(len(response)):
        hub = _hub()
        hub.receive(request, NOW)
        changed = bytearray(response)
        changed[place] ^= flip
        assert code_of(hub.receive, bytes(changed), NOW) in BROKEN, place
        assert (hub.state, hub.keys) == (State.FAILED, None), place


def _before_result() -> tuple[ServerLogin, ClientLogin]:
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    return hub, peer


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_changed_result(flip):
    result = _before_result()[0].accept({"session": "s"})[0].data
    for place in range(len(result)):
        _, peer = _before_result()
        changed = bytearray(result)
        changed[place] ^= flip
        assert code_of(peer.receive, bytes(changed)) in BROKEN, place
        assert peer.state is State.FAILED, place
    _, peer = _before_result()
    assert isinstance(peer.receive(result), LoggedIn)  # unchanged it opens, in the very same session


@pytest.mark.parametrize("which", range(4), ids=["request", "challenge", "response", "result"])
def test_shortened_and_lengthened_messages(which):
    def run(change: Callable[[bytes], bytes]) -> None:
        alter = [change if number == which else bytes for number in range(4)]
        hub, peer = _hub(), _peer()
        challenge = hub.receive(alter[0](peer.request().data), NOW)
        response = peer.receive(alter[1](_data(challenge)))
        hub.receive(alter[2](_data(response)), NOW)
        peer.receive(alter[3](hub.accept({})[0].data))

    run(bytes)
    for size in (0, 1, 16, 17, 40):
        assert code_of(run, lambda data, size=size: data[:size]) in BROKEN
    for change in (
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data + data,
        lambda data: b" " + data,
    ):
        assert code_of(run, change) in BROKEN


# ----------------------------------------------------------------------------------------------- replay and reflection


def test_challenge_of_another_session():
    hub = ServerLogin(HUB, allow_clear=True)
    old = _data(hub.receive(ClientLogin(CLIENT, certificate=None, expected=None).request().data, NOW))
    peer = ClientLogin(CLIENT, certificate=None, expected=HUB.public)
    peer.request()
    assert code_of(peer.receive, old) == "bad_sig"


@pytest.mark.parametrize("same_request", [True, False])
def test_response_of_another_session(same_request):
    peer = ClientLogin(CLIENT, certificate=CERT, expected=None)
    request = peer.request().data
    response = _data(peer.receive(_data(ServerLogin(HUB, allow_clear=True).receive(request, NOW))))
    hub = ServerLogin(HUB, allow_clear=True)
    hub.receive(request if same_request else _peer().request().data, NOW)
    assert code_of(hub.receive, response, NOW) == "bad_request"


def test_response_twice():
    hub, peer = _hub(), _peer()
    response = _data(peer.receive(_data(hub.receive(peer.request().data, NOW))))
    assert isinstance(hub.receive(response, NOW), Proved)
    assert code_of(hub.receive, response, NOW) == "bad_request"
    assert hub.state is State.FAILED
    with pytest.raises(RuntimeError):
        hub.accept({})


def test_request_sent_back():
    peer = _peer()
    assert code_of(peer.receive, peer.request().data) == "bad_request"


def test_hubs_own_signature_proves_no_client():
    hub, thief = _hub(), ForgedClient()
    thief.start(hub)
    reflected = {"clientkey": b64encode(HUB.public), "auth": thief.challenge["auth"]}
    assert code_of(hub.receive, thief.response(reflected), NOW) == "bad_request"
    assert hub.state is State.FAILED


def test_clients_signature_for_one_hub_proves_nothing_to_another():
    victim = ClientLogin(CLIENT, certificate=None, expected=None)
    request = json.loads(victim.request().data)
    challenge = json.loads(_data(_hub(OTHER).receive(canonical(request), NOW)))
    box = b64decode(json.loads(_data(victim.receive(canonical(challenge))))["box"])
    th1 = login.transcript_1(request, challenge)
    th2 = login.transcript_2(th1, b64decode(challenge["auth"]), b64decode(challenge["mac"]))
    prk = extract(th1, HUB_ONETIME.agree(b64decode(request["onetimekey"])))
    inside = json.loads(AESGCM(expand(prk, "login-client")).decrypt(bytes(12), box, th2))
    assert inside["clientkey"] == b64encode(CLIENT.public)

    hub, thief = _hub(), ForgedClient()
    thief.start(hub)
    assert code_of(hub.receive, thief.response(inside), NOW) == "bad_request"
    hub, thief = _hub(), ForgedClient()
    thief.start(hub)
    assert isinstance(hub.receive(thief.response(thief.proof()), NOW), Proved)  # the same with the key in hand


def test_hub_in_between_is_seen():
    pinned, new = _peer(), _peer(expected=None)
    evil = _hub(OTHER)
    assert code_of(evil.receive, pinned.request().data, NOW) == "wrong_server"
    challenge = json.loads(_data(_hub(OTHER).receive(new.request().data, NOW)))
    assert code_of(pinned.receive, canonical(challenge)) == "wrong_server"
    new.receive(canonical(challenge))
    assert new.server == OTHER.public  # what the person is shown


def test_challenge_with_the_expected_key_and_a_foreign_signature():
    peer = _peer()
    request = json.loads(peer.request().data)
    challenge = {
        "v": 1,
        "type": "login_challenge",
        "suite": 1,
        "onetimekey": b64encode(HUB_ONETIME.public),
        "serverkey": b64encode(HUB.public),
    }
    th1 = login.transcript_1(request, challenge)
    prk = extract(th1, HUB_ONETIME.agree(CLIENT_ONETIME.public))
    auth = OTHER.sign("login-challenge", th1)
    mac = login.server_mac(prk, th1, HUB.public, auth)
    forged = canonical({**challenge, "auth": b64encode(auth), "mac": b64encode(mac)})
    assert code_of(peer.receive, forged) == "bad_sig"


# --------------------------------------------------------------------------------------------------- what a hub refuses


def test_wrong_server():
    hub = _hub()
    assert code_of(hub.receive, _peer(expected=OTHER.public).request().data, NOW) == "wrong_server"
    assert hub.state is State.FAILED


def test_clear_only_where_allowed():
    assert code_of(_hub(allow_clear=False).receive, _peer(sealed=False).request().data, NOW) == "unsupported"
    assert isinstance(_hub(allow_clear=False).receive(_peer(sealed=True).request().data, NOW), Send)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, "unsupported"),
        ({"suite": 2}, "unsupported"),
        ({"v": True}, "bad_request"),
        ({"suite": True}, "bad_request"),
        ({"type": "login_response"}, "bad_request"),
        ({"frames": "open"}, "bad_request"),
        ({"frames": ["sealed"]}, "bad_request"),
        ({"onetimekey": b64encode(bytes(32))}, "bad_request"),  # gives an all-zero secret
        ({"onetimekey": b64encode(bytes(31))}, "bad_request"),
        ({"onetimekey": 1}, "bad_request"),
        ({"serverkey": "x"}, "bad_request"),
        ({"more": 1}, "bad_request"),
    ],
)
def test_request_refused(change, code):
    assert code_of(_hub().receive, canonical({**ForgedClient().request, **change}), NOW) == code


@pytest.mark.parametrize("value", [1, "x", True, ["login_request"], {}, nested(8)])
def test_request_of_another_shape(value):
    assert code_of(_hub().receive, canonical(value), NOW) in ("bad_request", "unsupported")


def test_client_refuses_an_all_zero_secret():
    peer = _peer()
    challenge = json.loads(_data(_hub().receive(peer.request().data, NOW)))
    assert code_of(peer.receive, canonical({**challenge, "onetimekey": b64encode(bytes(32))})) == "bad_request"


def _request_of(size: int) -> bytes:
    request = ForgedClient().request
    room = size - len(canonical({**request, "more": ""}))
    return canonical({**request, "more": "x" * room})


def test_messages_of_more_than_8_kib():
    assert len(_request_of(login.MAX_LOGIN_BYTES)) == 8192
    assert code_of(_hub().receive, _request_of(8192), NOW) == "bad_request"  # read, and a field too many
    assert code_of(_hub().receive, _request_of(8193), NOW) == "too_big"

    peer = _peer()
    peer.request()
    assert code_of(peer.receive, _request_of(8193)) == "too_big"

    hub, client = _hub(), ForgedClient()
    client.start(hub)
    assert code_of(hub.receive, client.response({**client.proof(), "clientcert": "x" * 9000}), NOW) == "too_big"


def test_text_is_measured_in_bytes():
    assert code_of(_hub().receive, '{"a":"' + "é" * 4095 + '"}', NOW) == "too_big"


@pytest.mark.parametrize(
    "change",
    [
        {"clientkey": b64encode(OTHER.public)},
        {"auth": b64encode(bytes(64))},
        {"more": 1},
        {"clientkey": 1},
        {"auth": "x"},
    ],
)
def test_box_refused(change):
    hub, client = _hub(), ForgedClient()
    client.start(hub)
    assert code_of(hub.receive, client.response({**client.proof(), **change}), NOW) == "bad_request"


@pytest.mark.parametrize("plain", [b"", b"[]", b"1", b"{}", b"[" * 4000, b'{"clientkey": 1}', b"\xff"])
def test_box_with_something_else_inside(plain):
    hub, client = _hub(), ForgedClient()
    client.start(hub)
    assert code_of(hub.receive, client.response(plain), NOW) in ("bad_request", "bad_encoding")


def test_box_in_other_spelling_iscode_of():
    hub, client = _hub(), ForgedClient()
    client.start(hub)
    spaced = json.dumps(client.proof(), sort_keys=True).encode()
    assert code_of(hub.receive, client.response(spaced), NOW) == "bad_encoding"


# --------------------------------------------------------------------------------------------------------- certificates

FOR_ANOTHER_HUB = certificate(server=OTHER.public)
BAD_CERTIFICATES = {
    "expired": certificate(issued_at=NOW - HOUR_MS),
    "from the future": certificate(issued_at=NOW + 6 * 60_000),
    "for another hub": FOR_ANOTHER_HUB,
    "for another client": certificate(client=OTHER),
    "for anywhere, too long": certificate(server=ANYWHERE, life_ms=25 * HOUR_MS),
    "altered": {**CERT, "expiration": CERT["expiration"] + 1},
    "unsigned": {name: item for name, item in CERT.items() if name != "signature"},
    "number": 1,
    "text": "cert",
    "list": [1],
    "empty": {},
    "deep": nested(7, of=dict),
    "lists in it": {**CERT, "scope": [["login"]], "servers": [{"a": 1}]},
}


@pytest.mark.parametrize("cert", BAD_CERTIFICATES.values(), ids=BAD_CERTIFICATES)
def test_bad_certificate_is_told_after_the_proof(cert):
    hub, client = _hub(), ForgedClient()
    client.start(hub)
    proved = hub.receive(client.response({**client.proof(), "clientcert": cert}), NOW)
    assert isinstance(proved, Proved)
    assert (proved.client, proved.certificate) == (CLIENT.public, None)
    assert proved.error is not None
    assert proved.error.code == "unauthorized"
    assert hub.state is State.PROVED


def test_certificate_ends_with_its_last_millisecond():
    for now, good in ((NOW + HOUR_MS - 1, True), (NOW + HOUR_MS, False)):
        hub, peer = _hub(), _peer()
        response = peer.receive(_data(hub.receive(peer.request().data, now)))
        proved = hub.receive(_data(response), now)
        assert isinstance(proved, Proved)
        assert (proved.certificate is not None, proved.error is None) == (good, good)


def test_bad_certificate_end_to_end():
    hub, peer = _hub(), _peer(certificate=FOR_ANOTHER_HUB)
    proved = _handshake(hub, peer)
    assert proved.error is not None
    assert peer.receive(hub.refuse(proved.error.code).data) == Refused("unauthorized", authenticated=True)


# --------------------------------------------------------------------------------------------- what a client refuses


@pytest.mark.parametrize("code", login.LOGIN_ERRORS)
def test_login_error(code):
    for prepare in (0, 1):
        hub, peer = _hub(), _peer()
        request = peer.request().data
        if prepare:
            peer.receive(_data(hub.receive(request, NOW)))
        assert peer.receive(login.login_error(code).decode()) == Refused(code, authenticated=False)
        assert peer.state is State.FAILED


@pytest.mark.parametrize("code", ["unauthorized", "too_big", "no such code"])
def test_login_error_tells_no_other_code(code):
    assert json.loads(login.login_error(code)) == {"v": 1, "type": "login_error", "code": "bad_request"}
    peer = _peer()
    peer.request()
    assert code_of(peer.receive, canonical({"v": 1, "type": "login_error", "code": code})) == "bad_request"


def test_sealed_session_takes_no_clear_result():
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    clear = canonical({"v": 1, "type": "login_result", "ok": True})
    assert code_of(peer.receive, clear.decode()) == "bad_request"
    assert peer.state is State.FAILED
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    assert code_of(peer.receive, clear) == "unsupported"


@pytest.mark.parametrize(
    "result",
    [
        {"v": 1, "type": "login_result"},
        {"v": 1, "type": "login_result", "ok": 1},
        {"v": 1, "type": "published", "ok": True},
        {"v": 2, "type": "login_result", "ok": True},
        {"v": True, "type": "login_result", "ok": True},
        {"type": "login_result", "ok": True},
        ["login_result"],
        1,
    ],
)
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "clear"])
def test_result_of_another_form(result, sealed):
    hub, peer = _hub(), _peer(sealed=sealed)
    _handshake(hub, peer)
    sealer = login.FrameSealer(hub.keys.s2c)
    data = sealer.seal(canonical(result)) if sealed else canonical(result)
    assert code_of(peer.receive, data) == "bad_request"


@pytest.mark.parametrize("code", ["no such code", 1, ["denied"], {"denied": True}])
def test_refusal_with_a_code_that_nobody_knows(code):
    hub, peer = _hub(), _peer(sealed=False)
    _handshake(hub, peer)
    refusal = canonical({"v": 1, "type": "login_result", "ok": False, "code": code})
    assert peer.receive(refusal) == Refused("unauthorized", authenticated=True)


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "clear"])
def test_result_may_be_longer_than_a_handshake_message(sealed):
    hub, peer = _hub(), _peer(sealed=sealed)
    _handshake(hub, peer)
    answer = peer.receive(hub.accept({"limits": {"note": "x" * 9000}})[0].data)
    assert isinstance(answer, LoggedIn)
    assert answer.result["limits"] == {"note": "x" * 9000}


# --------------------------------------------------------------------------------------------------------------- states


def test_states_table():
    assert set(TRANSITIONS) == set(State)
    reached = {State.START}
    while more := {after for state in reached for after in TRANSITIONS[state]} - reached:
        reached |= more
    assert reached == set(State)
    assert {state for state in State if not TRANSITIONS[state]} == {State.DONE, State.FAILED}
    assert all(State.FAILED in after for state, after in TRANSITIONS.items() if after)


def test_states_of_a_login():
    hub, peer = _hub(), _peer()
    seen = [(hub.state, peer.state)]
    request = peer.request().data
    seen.append((hub.state, peer.state))
    challenge = _data(hub.receive(request, NOW))
    seen.append((hub.state, peer.state))
    response = _data(peer.receive(challenge))
    seen.append((hub.state, peer.state))
    hub.receive(response, NOW)
    seen.append((hub.state, peer.state))
    result = hub.accept({})[0].data
    seen.append((hub.state, peer.state))
    peer.receive(result)
    seen.append((hub.state, peer.state))
    start, challenged, proved, done = State.START, State.CHALLENGED, State.PROVED, State.DONE
    assert seen == [
        (start, start),
        (start, challenged),
        (challenged, challenged),
        (challenged, proved),
        (proved, proved),
        (done, proved),
        (done, done),
    ]


def test_messages_out_of_turn():
    assert code_of(_peer().receive, b"{}") == "bad_request"
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    peer.receive(hub.accept({})[0].data)
    assert code_of(hub.receive, b"{}", NOW) == "bad_request"
    assert code_of(peer.receive, b"{}") == "bad_request"
    assert (hub.state, peer.state) == (State.DONE, State.DONE)  # a session is not undone by a stray message


@pytest.mark.parametrize(
    "finish", [lambda hub: hub.accept({}), lambda hub: hub.refuse("denied")], ids=["accept", "refuse"]
)
def test_no_result_without_proof_and_only_one(finish):
    hub, peer = _hub(), _peer()
    with pytest.raises(RuntimeError):
        finish(hub)
    request = peer.request().data
    hub.receive(request, NOW)
    with pytest.raises(RuntimeError):
        finish(hub)
    hub, peer = _hub(), _peer()
    _handshake(hub, peer)
    finish(hub)
    with pytest.raises(RuntimeError):
        finish(hub)


def test_a_machine_serves_one_login():
    peer = _peer()
    request = peer.request().data
    with pytest.raises(RuntimeError):
        peer.request()
    hub = _hub()
    hub.receive(request, NOW)
    assert code_of(hub.receive, request, NOW) == "bad_request"
    failed = _hub()
    assert code_of(failed.receive, b"x", NOW) == "bad_encoding"
    assert code_of(failed.receive, request, NOW) == "bad_request"
