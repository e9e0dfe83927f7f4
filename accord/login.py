"""The login handshake, both sides (protocol.md section 3), sans-IO.

A machine takes the other side's messages and gives events: what to send, whom it has proved. The hub proves itself
first; the client's identity travels sealed. Over HTTP the server's side is resumed between two requests
(login_handle.py). Not here: accounts, time limits, closing sockets.

    client                       server
    request()  ----------------> receive()  -> Send(challenge)
    receive()  <----------------
    Send(response) ------------> receive()  -> Proved(client key, certificate)
    receive()  <---------------- accept() or refuse() -> Send(login_result, sealed if so agreed)
    LoggedIn / Refused
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord import fields
from accord.certs import Certificate, verify_certificate
from accord.encoding import b64decode, b64encode, canonical, parse_canonical
from accord.errors import HTTP_STATUS, AccordError, RemoteError
from accord.fields import Check, Field, optional
from accord.frames import MAX_FRAME_BYTES, FrameOpener, FrameSealer
from accord.keys import OneTimeKey, SigningKey, verify
from accord.primitives import HASH_BYTES, expand, extract, labelled_hash, labelled_hmac, lp, same

MAX_LOGIN_BYTES: Final = 8 * 1024
HANDSHAKE_TIMEOUT_SECONDS: Final = 10
LOGIN_ERRORS: Final = ("bad_request", "unsupported", "wrong_server", "busy")

_NONCE: Final = bytes(12)
_WORD: Final = re.compile("[a-z][a-z_]{0,31}")
_REQUEST: Final[dict[str, Field | Check]] = {
    "v": fields.exactly(1),
    "type": fields.exactly("login_request"),
    "suite": fields.exactly(1),
    "frames": fields.one_of("sealed", "clear"),
    "onetimekey": fields.key,
    "serverkey": optional(fields.key),
}
_CHALLENGE: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("login_challenge"),
    "suite": fields.exactly(1),
    "onetimekey": fields.key,
    "serverkey": fields.key,
    "auth": fields.octets(64),
    "mac": fields.octets(32),
}
_RESPONSE: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("login_response"),
    "box": b64decode,
}
_BOX: Final[dict[str, Field | Check]] = {
    "clientkey": fields.key,
    "auth": fields.octets(64),
    "clientcert": optional(lambda cert: cert),  # judged after the client's key is proved
}
_ERROR: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("login_error"),
    "code": fields.one_of(*LOGIN_ERRORS),
}


class State(Enum):
    """Where a login stands; the same names on both sides."""

    START = "start"
    CHALLENGED = "challenged"
    PROVED = "proved"
    DONE = "done"
    FAILED = "failed"


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.START: frozenset({State.CHALLENGED, State.FAILED}),
    State.CHALLENGED: frozenset({State.PROVED, State.FAILED}),
    State.PROVED: frozenset({State.DONE, State.FAILED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the other side: a text frame, or a binary one where `binary`."""

    data: bytes
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Proved:
    """Server: the client has proved `client`.

    `certificate` is None for a guest and where `error` says what is wrong with the one that was shown.
    """

    client: bytes
    certificate: Certificate | None
    error: AccordError | None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Client: the hub's answer. `server` is the hub key that was proved, `result` the login_result with ok true."""

    server: bytes
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Client: the hub said no, with a key of HTTP_STATUS.

    `authenticated` is False for a login_error, which anyone on the way could have sent: it moves no pin. `reason` is a
    word of section 3 where the hub gives one, `until` (ms) when it may be otherwise; 0: not said.
    """

    code: str
    authenticated: bool
    reason: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys that a finished handshake agrees on (32 bytes each), seen from the client."""

    c2s: bytes
    s2c: bytes
    exporter: bytes


def transcript_1(request: dict[str, Any], challenge: dict[str, Any]) -> bytes:
    """th1; `challenge` with or without auth and mac."""
    unsigned = {name: value for name, value in challenge.items() if name not in ("auth", "mac")}
    return labelled_hash("login", lp(canonical(request)) + lp(canonical(unsigned)))


def transcript_2(th1: bytes, auth: bytes, mac: bytes) -> bytes:
    """th2: what the client signs."""
    return labelled_hash("login-2", th1 + auth + mac)


def transcript_3(th2: bytes, box: bytes) -> bytes:
    """th3: the whole handshake, under which the session's keys stand."""
    return labelled_hash("login-3", th2 + lp(box))


def server_mac(prk: bytes, th1: bytes, server: bytes, auth: bytes) -> bytes:
    """The hub's proof that it holds the agreed secret and means this signature."""
    return labelled_hmac(expand(prk, "login-server-mac"), th1 + server + auth)


def session_keys(prk: bytes, th3: bytes) -> SessionKeys:
    """The keys of both directions, and the exporter."""
    return SessionKeys(
        c2s=expand(prk, "login-c2s", th3),
        s2c=expand(prk, "login-s2c", th3),
        exporter=expand(prk, "login-session", th3),
    )


def read_reason(value: dict[str, Any]) -> dict[str, Any]:
    """`reason` and `until` of a login_result or a `bye`, "" and 0 where they are not there or not of their form."""
    reason, until = value.get("reason"), value.get("until")
    return {
        "reason": reason if isinstance(reason, str) and _WORD.fullmatch(reason) else "",
        "until": until if type(until) is int and 0 <= until <= fields.MAX_TIME_MS else 0,
    }


def login_error(code: str) -> bytes:
    """The constant refusal before login_result; codes that have no place there become bad_request."""
    return canonical({"v": 1, "type": "login_error", "code": code if code in LOGIN_ERRORS else "bad_request"})


class _Machine:
    def __init__(self) -> None:
        self.state = State.START
        self.keys: SessionKeys | None = None

    def _become(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"login: {self.state.value} cannot become {state.value}")
        self.state = state

    def _fail(self, error: RemoteError) -> RemoteError:
        if self.state not in (State.DONE, State.FAILED):
            self.state = State.FAILED
        return error


class ServerLogin(_Machine):
    """The hub's side of one connection.

    RemoteError from `receive`: answer with `login_error(error.code)` and close with 4401.
    """

    def __init__(self, server: SigningKey, *, allow_clear: bool, onetime: OneTimeKey | None = None) -> None:
        super().__init__()
        self._server = server
        self._allow_clear = allow_clear
        self._onetime = onetime or OneTimeKey()
        self._prk = b""
        self._th2 = b""
        self.sealed = True

    @classmethod
    def resume(cls, server: SigningKey, suspended: bytes) -> ServerLogin:
        """A clear login whose challenge has been sent, from what `suspend` gave."""
        machine = cls(server, allow_clear=True)
        machine._prk, machine._th2 = suspended[:HASH_BYTES], suspended[HASH_BYTES:]
        machine.sealed = False
        machine._become(State.CHALLENGED)
        return machine

    def suspend(self) -> bytes:
        """What `resume` needs to go on after the challenge; secret. Sealed frames need a connection: unsupported."""
        if self.state is not State.CHALLENGED:
            raise RuntimeError("login: only what waits for the client's response is suspended")
        if self.sealed:
            raise self._fail(RemoteError("unsupported", "a login that spans connections asks for clear frames"))
        return self._prk + self._th2

    def receive(self, data: str | bytes, now: int) -> Send | Proved:
        """A text message of the client at time `now` (ms): Send on the first, Proved on the second."""
        try:
            if self.state is State.START:
                return self._challenge(parse_canonical(data, max_bytes=MAX_LOGIN_BYTES))
            if self.state is State.CHALLENGED:
                return self._prove(parse_canonical(data, max_bytes=MAX_LOGIN_BYTES), now)
        except RemoteError as error:
            raise self._fail(error) from error.__cause__
        raise self._fail(RemoteError("bad_request", "not the time for a login message"))

    def _challenge(self, request: Any) -> Send:
        if type(request) is dict and (request.get("v") != 1 or request.get("suite") != 1):
            raise RemoteError("unsupported", "version or suite")
        checked = fields.read(request, _REQUEST, "login_request")
        if checked.get("serverkey", self._server.public) != self._server.public:
            raise RemoteError("wrong_server", "another hub was expected here")
        if checked["frames"] == "clear" and not self._allow_clear:
            raise RemoteError("unsupported", "clear frames are for TLS and loopback only")
        self.sealed = checked["frames"] == "sealed"
        shared = self._onetime.agree(checked["onetimekey"])
        challenge = {
            "v": 1,
            "type": "login_challenge",
            "suite": 1,
            "onetimekey": b64encode(self._onetime.public),
            "serverkey": b64encode(self._server.public),
        }
        th1 = transcript_1(request, challenge)
        self._prk = extract(th1, shared)
        auth = self._server.sign("login-challenge", th1)
        mac = server_mac(self._prk, th1, self._server.public, auth)
        self._th2 = transcript_2(th1, auth, mac)
        self._become(State.CHALLENGED)
        return Send(canonical({**challenge, "auth": b64encode(auth), "mac": b64encode(mac)}))

    def _prove(self, response: Any, now: int) -> Proved:
        box = fields.read(response, _RESPONSE, "login_response")["box"]
        try:
            inside = AESGCM(expand(self._prk, "login-client")).decrypt(_NONCE, box, self._th2)
        except (InvalidTag, ValueError) as error:
            raise RemoteError("bad_request", "box does not open") from error
        checked = fields.read(parse_canonical(inside, max_bytes=MAX_LOGIN_BYTES), _BOX, "login_response.box")
        try:
            verify(checked["clientkey"], "login-response", self._th2, checked["auth"])
        except RemoteError as error:
            raise RemoteError("bad_request", "the client's key is not proved") from error
        self.keys = session_keys(self._prk, transcript_3(self._th2, box))
        self._become(State.PROVED)
        return self._read_certificate(checked, now)

    def _read_certificate(self, checked: dict[str, Any], now: int) -> Proved:
        client = checked["clientkey"]
        if "clientcert" not in checked:
            return Proved(client, None, None)
        try:
            certificate = verify_certificate(checked["clientcert"], server=self._server.public, now=now)
        except RemoteError as error:
            return Proved(client, None, AccordError("unauthorized", error.detail))
        if certificate.client != client:
            return Proved(client, None, AccordError("unauthorized", "certificate is for another client key"))
        return Proved(client, certificate, None)

    def accept(self, result: dict[str, Any]) -> tuple[Send, FrameSealer | None, FrameOpener | None]:
        """Finish with ok true and further fields; also the two directions' frames, None each where they are clear."""
        return self._finish(State.DONE, {**result, "v": 1, "type": "login_result", "ok": True})

    def refuse(self, code: str, **facts: Any) -> Send:
        """Finish with ok false; then close with 4403. `facts`: `reason`, `until`, as section 3 has them."""
        return self._finish(State.FAILED, {**facts, "v": 1, "type": "login_result", "ok": False, "code": code})[0]

    def _finish(self, state: State, result: dict[str, Any]) -> tuple[Send, FrameSealer | None, FrameOpener | None]:
        if self.keys is None or self.state is not State.PROVED:
            raise RuntimeError("login: a result before the client is proved")
        self._become(state)
        data = canonical(result)
        if not self.sealed:
            return Send(data), None, None
        sealer = FrameSealer(self.keys.s2c)
        return Send(sealer.seal(data), binary=True), sealer, FrameOpener(self.keys.c2s)


class ClientLogin(_Machine):
    """The client's side.

    `certificate` is as on the wire, None for a guest; `expected` is the pinned or invited hub key, None on first sight.
    RemoteError from `receive` means that the hub is not to be talked to: `wrong_server` where its key is another.
    """

    def __init__(
        self,
        client: SigningKey,
        *,
        certificate: dict[str, Any] | None,
        expected: bytes | None,
        sealed: bool = True,
        onetime: OneTimeKey | None = None,
    ) -> None:
        super().__init__()
        self._client = client
        self._certificate = certificate
        self._expected = expected
        self._onetime = onetime or OneTimeKey()
        self.sealed = sealed
        self.server = b""
        self._request: dict[str, Any] = {}
        self.sealer: FrameSealer | None = None
        self.opener: FrameOpener | None = None

    def request(self) -> Send:
        """The first message."""
        self._become(State.CHALLENGED)
        self._request = {
            "v": 1,
            "type": "login_request",
            "suite": 1,
            "frames": "sealed" if self.sealed else "clear",
            "onetimekey": b64encode(self._onetime.public),
        }
        if self._expected is not None:
            self._request["serverkey"] = b64encode(self._expected)
        return Send(canonical(self._request))

    def receive(self, data: str | bytes) -> Send | LoggedIn | Refused:
        """A message of the hub: Send (the response), then LoggedIn or Refused."""
        try:
            if self.state is State.CHALLENGED:
                return self._respond(parse_canonical(data, max_bytes=MAX_LOGIN_BYTES))
            if self.state is State.PROVED:
                return self._read_result(data)
        except RemoteError as error:
            raise self._fail(error) from error.__cause__
        raise self._fail(RemoteError("bad_request", "not the time for a login message"))

    def _refused_early(self, value: Any) -> Refused | None:
        if type(value) is not dict or value.get("type") != "login_error":
            return None
        code = fields.read(value, _ERROR, "login_error")["code"]
        self._become(State.FAILED)
        return Refused(code, authenticated=False)

    def _respond(self, challenge: Any) -> Send | Refused:
        if refused := self._refused_early(challenge):
            return refused
        checked = fields.read(challenge, _CHALLENGE, "login_challenge")
        server = checked["serverkey"]
        if self._expected is not None and not same(server, self._expected):
            raise RemoteError("wrong_server", "the hub's key is not the one expected")
        th1 = transcript_1(self._request, challenge)
        prk = extract(th1, self._onetime.agree(checked["onetimekey"]))
        if not same(server_mac(prk, th1, server, checked["auth"]), checked["mac"]):
            raise RemoteError("bad_sig", "the challenge was changed on its way")
        verify(server, "login-challenge", th1, checked["auth"])
        th2 = transcript_2(th1, checked["auth"], checked["mac"])
        inside: dict[str, Any] = {
            "clientkey": b64encode(self._client.public),
            "auth": b64encode(self._client.sign("login-response", th2)),
        }
        if self._certificate is not None:
            inside["clientcert"] = self._certificate
        box = AESGCM(expand(prk, "login-client")).encrypt(_NONCE, canonical(inside), th2)
        self.server = server
        self.keys = session_keys(prk, transcript_3(th2, box))
        self._become(State.PROVED)
        return Send(canonical({"v": 1, "type": "login_response", "box": b64encode(box)}))

    def _read_result(self, data: str | bytes) -> LoggedIn | Refused:
        if self.keys is None:
            raise RuntimeError("login: a result before the keys")
        if self.sealed and isinstance(data, bytes):
            self.sealer, self.opener = FrameSealer(self.keys.c2s), FrameOpener(self.keys.s2c)
            value = parse_canonical(self.opener.open(data), max_bytes=MAX_FRAME_BYTES)
        else:
            value = parse_canonical(data, max_bytes=MAX_FRAME_BYTES)
            if refused := self._refused_early(value):
                return refused
            if self.sealed:
                raise RemoteError("bad_request", "a sealed login_result was agreed on")
        if type(value) is not dict or value.get("type") != "login_result" or type(value.get("ok")) is not bool:
            raise RemoteError("bad_request", "login_result expected")
        fields.exactly(1)(value.get("v"))
        if not value["ok"]:
            self._become(State.FAILED)
            code = value.get("code")
            if not isinstance(code, str) or code not in HTTP_STATUS:
                code = "unauthorized"
            return Refused(code, authenticated=True, **read_reason(value))
        self._become(State.DONE)
        return LoggedIn(self.server, value)


if set(TRANSITIONS) != set(State):
    raise RuntimeError("login: every state has its row in TRANSITIONS")
