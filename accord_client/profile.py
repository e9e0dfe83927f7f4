"""A person's files: one profile per account on a hub, `$ACCORD_CLIENT_HOME/NAME.json` (default ~/.config/accord).

The folder is 0700, the files 0600 from their first byte; a profile that others can read is not used. Every write goes
to a new file that takes the old one's place, and every change re-reads under a lock, so that two programs with one
profile lose nothing. Not here: passwords around the keys (protocol.md section 9, the vault).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import orjson

from accord import fields
from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord_client.errors import NotJoined, ProfileError

try:
    import fcntl
except ImportError:  # a system without it: changes by two programs at the same moment may lose one
    fcntl = None  # type: ignore[assignment]

HOME_VARIABLE: Final = "ACCORD_CLIENT_HOME"
DEFAULT_PROFILE: Final = "default"
MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
MAX_POSITIONS: Final = 32

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Position:
    """How far a listener has come.

    Everything up to `cursor` of the hub's `store` was shown; `at` is the latest created_at among it.
    """

    store: str
    cursor: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on one hub. Seeds are private keys: they go into the file and nowhere else.

    `claim` is the temporary key (raw) of the invite behind it; `joined` is False from the writing of the keys until the
    hub has answered the claim, and `claim_sent` says that it may have arrived. `follows` leads from user keys to the
    names they had, `verified` are the keys that were compared with their owners. `positions` are by what was listened
    to. `home` is the channel that the inviter chose, as a topic.
    """

    user_seed: bytes = field(repr=False)
    device_seed: bytes = field(repr=False)
    account_name: str
    hub: bytes
    url: str
    ws: str
    claim: bytes = b""
    joined: bool = False
    claim_sent: bool = False
    certificate: dict[str, Any] | None = field(default=None, repr=False)
    follows: dict[bytes, str] = field(default_factory=dict)
    verified: frozenset[bytes] = frozenset()
    positions: dict[str, Position] = field(default_factory=dict)
    home: str = ""

    @property
    def user(self) -> SigningKey:
        return SigningKey(self.user_seed)

    @property
    def device(self) -> SigningKey:
        return SigningKey(self.device_seed)

    def with_position(self, what: str, position: Position) -> Profile:
        """With the newest position of one listener; the oldest of MAX_POSITIONS goes."""
        positions = {name: item for name, item in self.positions.items() if name != what}
        for name in list(positions)[: max(0, len(positions) - MAX_POSITIONS + 1)]:
            del positions[name]
        return replace(self, positions={**positions, what: position})


_POSITION: Final = {
    "what": fields.text(64 * 1024),
    "store": fields.text(64),
    "cursor": fields.integer(0, 2**53 - 1),
    "at": fields.time_ms,
}
_FOLLOW: Final = {"key": fields.key, "name": fields.text(64)}
_TABLE: Final[dict[str, fields.Field | fields.Check]] = {
    "v": fields.exactly(1),
    "user_seed": fields.key,
    "device_seed": fields.key,
    "account_name": fields.text(64),
    "hub": fields.key,
    "url": fields.text(2048),
    "ws": fields.text(2048),
    "claim": fields.optional(fields.key),
    "joined": fields.boolean,
    "claim_sent": fields.boolean,
    "certificate": fields.optional(lambda value: value),
    "verified": fields.optional(fields.list_of(fields.key, 100_000)),
    "follows": fields.optional(fields.list_of(lambda value: fields.read(value, _FOLLOW, "follow"), 100_000)),
    "positions": fields.optional(
        fields.list_of(lambda value: fields.read(value, _POSITION, "position"), MAX_POSITIONS)
    ),
    "home": fields.optional(fields.text(64)),
}


def _encode(profile: Profile) -> bytes:
    value: dict[str, Any] = {
        "v": 1,
        "account_name": profile.account_name,
        "hub": b64encode(profile.hub),
        "url": profile.url,
        "ws": profile.ws,
        "joined": profile.joined,
        "claim_sent": profile.claim_sent,
        "user_seed": b64encode(profile.user_seed),
        "device_seed": b64encode(profile.device_seed),
    }
    if profile.claim:
        value["claim"] = b64encode(profile.claim)
    if profile.home:
        value["home"] = profile.home
    if profile.certificate is not None:
        value["certificate"] = profile.certificate
    if profile.follows:
        value["follows"] = [{"key": b64encode(key), "name": name} for key, name in profile.follows.items()]
    if profile.verified:
        value["verified"] = [b64encode(key) for key in sorted(profile.verified)]
    if profile.positions:
        value["positions"] = [
            {"what": what, "store": position.store, "cursor": position.cursor, "at": position.at}
            for what, position in profile.positions.items()
        ]
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _decode(data: bytes) -> Profile:
    try:
        value = fields.read(orjson.loads(data), _TABLE, "profile")
    except orjson.JSONDecodeError as error:
        raise RemoteError("bad_request", "profile: not JSON") from error
    value.pop("v")
    value["verified"] = frozenset(value.get("verified", []))
    value["follows"] = {item["key"]: item["name"] for item in value.get("follows", [])}
    value["positions"] = {
        item["what"]: Position(item["store"], item["cursor"], item["at"]) for item in value.get("positions", [])
    }
    return Profile(**value)


def default_home() -> Path:
    """The folder of the profiles: $ACCORD_CLIENT_HOME, else accord in the person's configuration folder."""
    if home := os.environ.get(HOME_VARIABLE):
        return Path(home)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "accord"


class ProfileStore:
    """One profile's file in `home`."""

    def __init__(self, name: str = DEFAULT_PROFILE, home: Path | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise ProfileError("a profile's name has 1 to 64 of a-z, 0-9, dot, dash and underscore")
        self.name = name
        self.home = home or default_home()
        self.path = self.home / f"{name}.json"

    def exists(self) -> bool:
        return self.path.exists()

    def load(self) -> Profile:
        """The profile; NotJoined without one, ProfileError where others can read it or it is damaged."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            raise NotJoined(f"no profile {self.name!r} yet: start with `accord join LINK`") from None
        except OSError as error:
            raise ProfileError(f"{self.path} cannot be read: {error.strerror}") from error
        with open(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if os.name == "posix" and mode & _OTHERS:
                raise ProfileError(
                    f"{self.path} holds private keys and others can read it: run `chmod 600 {self.path}`"
                )
            data = file.read(MAX_PROFILE_BYTES + 1)
        try:
            return _decode(data)
        except RemoteError as error:
            raise ProfileError(f"{self.path} is damaged ({error.detail})") from error

    def save(self, profile: Profile) -> None:
        """Put the profile in place of what was there, whole or not at all, on the disk when this returns."""
        with self._locked():
            self._write(_encode(profile))

    def update(self, change: Callable[[Profile], Profile]) -> Profile:
        """Apply `change` to the profile as it is on the disk now; gives what was written."""
        with self._locked():
            before = self.load()
            after = change(before)
            if after != before:
                self._write(_encode(after))
            return after

    def _prepare_home(self) -> None:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.home.stat().st_mode
        except OSError as error:
            raise ProfileError(f"{self.home} cannot be made: {error.strerror}") from error
        if os.name == "posix" and mode & _OTHERS_WRITE:
            raise ProfileError(f"others can write to {self.home}: run `chmod 700 {self.home}`")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._prepare_home()
        try:
            lock = os.open(self.home / f".{self.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ProfileError(f"{self.home} cannot be written: {error.strerror}") from error
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, data: bytes) -> None:
        new = self.home / f".{self.name}.{secrets.token_hex(8)}.new"
        try:
            try:
                with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self.path)
            except OSError:
                new.unlink(missing_ok=True)
                raise
            self._sync_home()
        except OSError as error:
            raise ProfileError(f"{self.path} cannot be written: {error.strerror}") from error

    def _sync_home(self) -> None:
        if os.name != "posix":
            return
        folder = os.open(self.home, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
