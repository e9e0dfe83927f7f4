"""The sealed state of a login over HTTP: only the hub that gave it, in that run and in time, goes on with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import canonical, parse_canonical
from accord.errors import RemoteError
from accord.login import MAX_LOGIN_BYTES, ClientLogin, LoggedIn, Proved, Send, ServerLogin, State
from accord.login_handle import HANDLE_BYTES, HANDLE_LIFE_MS, open_login, seal_login
from tests.accord.support import CLIENT, HUB, NOW, OTHER, USER, certificate, quick

SECRET, RUN = b"s" * 32, b"r" * 16


def begun(*, sealed: bool = False) -> tuple[ClientLogin, ServerLogin, bytes]:
    """A login that waits for its response, and the challenge as the client gets it."""
    client = ClientLogin(CLIENT, certificate=certificate(), expected=HUB.public, sealed=sealed)
    server = ServerLogin(HUB, allow_clear=True)
    challenge = server.receive(client.request().data, NOW)
    assert isinstance(challenge, Send)
    # Over HTTP it travels inside other JSON, and is encoded anew by the client.
    return client, server, canonical(parse_canonical(challenge.data, max_bytes=MAX_LOGIN_BYTES))


def opened(handle: bytes, *, secret: bytes = SECRET, run: bytes = RUN, now: int = NOW) -> ServerLogin:
    return open_login(secret, handle, server=HUB, run=run, now=now)


def test_a_login_goes_on_where_it_was_left() -> None:
    client, server, challenge = begun()
    machine = opened(seal_login(SECRET, server, run=RUN, now=NOW))
    assert machine.state is State.CHALLENGED
    response = client.receive(challenge)
    assert isinstance(response, Send)
    proved = machine.receive(response.data, NOW)
    assert isinstance(proved, Proved)
    assert proved.certificate is not None
    assert (proved.client, proved.certificate.user) == (CLIENT.public, USER.public)
    assert machine.keys == client.keys
    result, sealer, opener = machine.accept({"session": "s"})
    assert (sealer, opener, result.binary) == (None, None, False)
    welcome = client.receive(result.data)
    assert isinstance(welcome, LoggedIn)
    assert welcome.result["session"] == "s"


def test_the_response_to_another_challenge_does_not_fit() -> None:
    _, server, _ = begun()
    other, _, challenge = begun()
    response = other.receive(challenge)
    assert isinstance(response, Send)
    with pytest.raises(RemoteError, match="bad_request: box"):
        opened(seal_login(SECRET, server, run=RUN, now=NOW)).receive(response.data, NOW)


def test_a_handle_is_good_for_ten_seconds() -> None:
    _, server, _ = begun()
    handle = seal_login(SECRET, server, run=RUN, now=NOW)
    opened(handle, now=NOW + HANDLE_LIFE_MS - 1)
    with pytest.raises(RemoteError, match="bad_request: the login took more than 10 seconds"):
        opened(handle, now=NOW + HANDLE_LIFE_MS)


@pytest.mark.parametrize("other", [{"secret": b"t" * 32}, {"run": b"q" * 16}], ids=["hub", "run"])
def test_a_handle_of_another(other: dict[str, bytes]) -> None:
    _, server, _ = begun()
    with pytest.raises(RemoteError, match="bad_request: this hub did not give that handle"):
        opened(seal_login(SECRET, server, run=RUN, now=NOW), **other)


@quick
@given(place=st.integers(0, HANDLE_BYTES - 1), bit=st.integers(0, 7))
def test_a_changed_handle(place: int, bit: int) -> None:
    _, server, _ = begun()
    handle = bytearray(seal_login(SECRET, server, run=RUN, now=NOW))
    handle[place] ^= 1 << bit
    with pytest.raises(RemoteError, match="bad_request"):
        opened(bytes(handle))


@quick
@given(st.binary(max_size=2 * HANDLE_BYTES))
def test_what_is_no_handle(junk: bytes) -> None:
    with pytest.raises(RemoteError, match="bad_request"):
        opened(junk)


def test_handles_tell_nothing_and_never_repeat() -> None:
    _, server, _ = begun()
    handles = {seal_login(SECRET, server, run=RUN, now=NOW) for _ in range(10)}
    assert len(handles) == 10
    assert all(server.suspend()[start : start + 8] not in b"".join(handles) for start in range(0, 64, 8))


def test_sealed_frames_need_a_connection() -> None:
    _, server, _ = begun(sealed=True)
    with pytest.raises(RemoteError, match="unsupported"):
        seal_login(SECRET, server, run=RUN, now=NOW)
    assert server.state is State.FAILED


def test_only_what_waits_is_suspended() -> None:
    with pytest.raises(RuntimeError):
        ServerLogin(HUB, allow_clear=True).suspend()
    client, server, challenge = begun()
    response = client.receive(challenge)
    assert isinstance(response, Send)
    server.receive(response.data, NOW)
    with pytest.raises(RuntimeError):
        server.suspend()


def test_the_hub_proves_its_own_key() -> None:
    client = ClientLogin(CLIENT, certificate=None, expected=OTHER.public, sealed=False)
    with pytest.raises(RemoteError, match="wrong_server"):
        ServerLogin(HUB, allow_clear=True).receive(client.request().data, NOW)
