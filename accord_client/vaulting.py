"""The account's vault: keys that follow from device to device by name and password (protocol.md section 9).

A profile that has opened its vault keeps the vault's key in its keystore, so that new keys go in without the password.
Not here: the forms (accord/vault.py), what is in it (vault_content.py), asking for passwords (vault_commands.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from accord import vault
from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord_client.account import bearer_token
from accord_client.discovery import hub_document
from accord_client.errors import ClientError, ProfileError
from accord_client.keystore import Keystore
from accord_client.profile import Profile, ProfileStore
from accord_client.rest import API_PATH, BearerToken, http_ask, http_get
from accord_client.session import now_ms
from accord_client.vault_content import Shared, follows_of, restore, verified_in, with_own

KEY: Final = "vault"
VERSION: Final = "vault-version"
PLACE_BYTES: Final = 8
MAX_TRIES: Final = 5


class Refused(ClientError):
    """The hub has no such name, or the password is another."""


def open_at(origin: str, name: str, root: bytes) -> dict[str, Any]:
    """The enclave of a name, as the hub hands it out; Refused, AccordError, HubUnreachable."""
    body = {"name": name, "auth": b64encode(vault.auth_key(root))}
    try:
        answer = http_ask("POST", f"{origin}{API_PATH}/vault/open", body)
    except AccordError as error:
        if error.code == "denied":
            raise Refused("there is no account of that name with that password here") from error
        if error.code == "rate":
            seconds = (error.retry_ms or 1000) // 1000
            raise ClientError(f"too many tries: wait {max(1, seconds)} seconds") from error
        raise
    enclave = answer.get("enclave") if isinstance(answer, dict) else None
    if not isinstance(enclave, dict):
        raise RemoteError("bad_request", "enclave: object expected")
    return enclave


def password_root(origin: str, hub: bytes, name: str, password: str, secret_key: bytes | None) -> bytes:
    """What a password becomes for a name at a hub; it takes a second or so. RemoteError, HubUnreachable."""
    params = vault.read_params(http_ask("GET", f"{origin}{API_PATH}/vault/params?name={quote(name)}"))
    salt = vault.vault_salt(hub, name, params.salt)
    return vault.root_key(password, salt, params.iterations, secret_key=secret_key)


async def log_in(store: ProfileStore, *, origin: str, hub: bytes, name: str, root: bytes, kind: str) -> Profile:
    """Make a profile of what a vault holds; `kind` is the slot that `root` opens. ClientError, AccordError."""
    if store.exists():
        raise ProfileError(f"the profile {store.name!r} has an account already: log in with --profile ANOTHER")
    document = await hub_document(origin, hub)
    enclave = open_at(origin, name, root)
    key = vault.slot_key(enclave, kind, wrap=vault.wrap_key(root))
    opened = vault.open_enclave(enclave, key, name=name)
    profile = Profile(
        opened.user.seed,
        SigningKey.generate().seed,
        name,
        hub,
        origin,
        document.ws,
        joined=True,
        claim_sent=True,
        follows=follows_of(opened.content),
        verified=verified_in(opened.content),
    )
    store.save(profile)
    with Keystore(store) as keys:
        keys.set_secret(KEY, key)
        keys.set_secret(VERSION, opened.version.to_bytes(PLACE_BYTES, "big"))
        restore(keys, opened.content)
    return profile


def make(store: ProfileStore, password: str) -> list[str]:
    """A vault of this account under a new password; gives its recovery code, as groups. `conflict` where it has one."""
    profile = store.load()
    name, user = profile.account_name, profile.user
    params = vault.read_params(http_ask("GET", f"{profile.url}{API_PATH}/vault/params?name={quote(name)}"))
    salt = vault.vault_salt(profile.hub, name, params.salt)
    root = vault.root_key(password, salt, params.iterations)
    code, key = vault.VAULT_CODE.new(), secrets.token_bytes(vault.KEY_BYTES)
    recovery = vault.recovery_root(code)
    wraps = {"password": vault.wrap_key(root), "recovery": vault.wrap_key(recovery)}
    with Keystore(store) as keys:
        enclave = vault.seal_enclave(
            user,
            name=name,
            version=1,
            params=params,
            slots=[vault.make_slot(kind, name=name, wrap=wrap, key=key) for kind, wrap in wraps.items()],
            key=key,
            content=with_own({}, profile, keys, Shared(), now_ms()),
            recovery=wraps["recovery"],
        )
        auths = {"auth": b64encode(vault.auth_key(root)), "recovery": b64encode(vault.auth_key(recovery))}
        try:
            http_ask(
                "PUT",
                f"{profile.url}{API_PATH}/vault",
                {"name": name, **auths, "enclave": enclave},
                bearer_token(store),
            )
        except AccordError as error:
            if error.code == "conflict":
                raise ClientError("this account has a vault already: `accord vault open` uses it here") from error
            raise
        keys.set_secret(KEY, key)
        keys.set_secret(VERSION, (1).to_bytes(PLACE_BYTES, "big"))
    return vault.VAULT_CODE.groups(code)


def adopt(store: ProfileStore, root: bytes, kind: str) -> None:
    """Use the vault that this account has already, on this device too. ClientError, AccordError."""
    profile = store.load()
    enclave = open_at(profile.url, profile.account_name, root)
    key = vault.slot_key(enclave, kind, wrap=vault.wrap_key(root))
    opened = vault.open_enclave(enclave, key, name=profile.account_name)
    if opened.user.public != profile.user.public:
        raise ClientError("that vault is of another account")
    with Keystore(store) as keys:
        keys.set_secret(KEY, key)
        keys.set_secret(VERSION, opened.version.to_bytes(PLACE_BYTES, "big"))
        restore(keys, opened.content)


@dataclass(frozen=True, slots=True)
class Synced:
    """What an exchange with the vault has come to: the version that the hub has now, what is in it, and whether this
    device has put something in.
    """

    version: int
    content: dict[str, Any]
    is_changed: bool


def sync(store: ProfileStore, keys: Keystore, shared: Shared) -> Synced | None:
    """Take what other devices have put into the vault, and put in what this one has; None without a vault here.

    ClientError where the hub shows an older vault than before, or the password was changed.
    """
    for left in range(MAX_TRIES, 0, -1):
        try:
            return _sync(store, keys, shared)
        except AccordError as error:
            if error.code != "conflict" or left == 1:  # else another device was faster
                raise
    raise AssertionError("it has returned or raised")


def _sync(store: ProfileStore, keys: Keystore, shared: Shared) -> Synced | None:
    key, seen = keys.find_secret(KEY), keys.find_secret(VERSION)
    if key is None or seen is None:
        return None
    profile, token = store.load(), bearer_token(store)
    enclave = _held(token)
    try:
        opened = vault.open_enclave(enclave, key, name=profile.account_name)
    except RemoteError as error:
        raise ClientError("the vault has another password now: `accord vault open` uses it again") from error
    _check_version(opened, seen)
    restore(keys, opened.content)
    if new := verified_in(opened.content) - profile.verified:
        profile = store.update(lambda kept: replace(kept, verified=kept.verified | new))
    keys.set_secret(VERSION, opened.version.to_bytes(PLACE_BYTES, "big"))
    content = with_own(opened.content, profile, keys, shared, now_ms())
    if content == opened.content:
        return Synced(opened.version, content, is_changed=False)
    changed = _next(profile, enclave, opened, key=key, content=content)
    http_ask("PUT", f"{token.api}/vault", {"name": profile.account_name, "enclave": changed}, token)
    keys.set_secret(VERSION, (opened.version + 1).to_bytes(PLACE_BYTES, "big"))
    return Synced(opened.version + 1, content, is_changed=True)


def _held(token: BearerToken) -> dict[str, Any]:
    answer = http_get(token, "vault")
    enclave = answer.get("enclave") if isinstance(answer, dict) else None
    if not isinstance(enclave, dict):
        raise RemoteError("bad_request", "enclave: object expected")
    return enclave


def _check_version(opened: vault.Opened, seen: bytes) -> None:
    if opened.version < int.from_bytes(seen, "big"):
        raise ClientError("the hub shows an older vault than it did before: nothing is taken of it")


def _next(
    profile: Profile,
    enclave: dict[str, Any],
    opened: vault.Opened,
    *,
    key: bytes,
    content: dict[str, Any],
    **other: Any,
) -> dict[str, Any]:
    """The version after one that was opened; `other`: slots, params or recovery that take the place of the old ones."""
    kept = {"slots": enclave["slots"], "params": vault.read_params(enclave["kdf"]), "recovery": opened.recovery}
    version, name = opened.version + 1, profile.account_name
    return vault.seal_enclave(profile.user, name=name, version=version, key=key, content=content, **(kept | other))


class Locks:
    """The locks of this account's vault, opened by what `root` is made of: the password as it is now, or the recovery
    code (`kind`, the slot). ClientError where that is another one.
    """

    def __init__(self, store: ProfileStore, root: bytes, kind: str) -> None:
        self._store = store
        self._profile = store.load()
        self._token = bearer_token(store)
        self._enclave = _held(self._token)
        try:
            self._key = vault.slot_key(self._enclave, kind, wrap=vault.wrap_key(root))
            self._opened = vault.open_enclave(self._enclave, self._key, name=self._profile.account_name)
        except RemoteError as error:
            what = "password" if kind == "password" else "recovery code"
            raise ClientError(f"that is not your {what}, so nothing was changed") from error
        with Keystore(store) as keys:
            if (seen := keys.find_secret(VERSION)) is not None:
                _check_version(self._opened, seen)

    def change_password(self, password: str, secret_key: bytes | None) -> None:
        """Put another password in place of this one, or set the first; the recovery code stays, and the secret key."""
        profile, name = self._profile, self._profile.account_name
        params = vault.read_params(http_ask("GET", f"{self._token.api}/vault/params?name={quote(name)}"))
        salt = vault.vault_salt(profile.hub, name, params.salt)
        root = vault.root_key(password, salt, params.iterations, secret_key=secret_key)
        key, recovery = secrets.token_bytes(vault.KEY_BYTES), self._opened.recovery
        wraps = {"password": vault.wrap_key(root)} | ({"recovery": recovery} if recovery is not None else {})
        slots = [vault.make_slot(kind, name=name, wrap=wrap, key=key) for kind, wrap in wraps.items()]
        content = {name: item for name, item in self._opened.content.items() if name != "unset"}
        self._put(key, {"auth": b64encode(vault.auth_key(root))}, content=content, slots=slots, params=params)

    def make_code(self) -> list[str]:
        """Another recovery code, as groups; the one before opens nothing any more."""
        code, name = vault.VAULT_CODE.new(), self._profile.account_name
        root = vault.recovery_root(code)
        wrap = vault.wrap_key(root)
        slots = [self._enclave["slots"][0], vault.make_slot("recovery", name=name, wrap=wrap, key=self._key)]
        self._put(self._key, {"recovery": b64encode(vault.auth_key(root))}, slots=slots, recovery=wrap)
        return vault.VAULT_CODE.groups(code)

    def _put(self, key: bytes, auths: dict[str, str], **other: Any) -> None:
        changed = {"content": self._opened.content, **other}
        enclave = _next(self._profile, self._enclave, self._opened, key=key, **changed)
        body = {"name": self._profile.account_name, **auths, "enclave": enclave}
        http_ask("PUT", f"{self._token.api}/vault", body, self._token)
        with Keystore(self._store) as keys:
            keys.set_secret(KEY, key)
            keys.set_secret(VERSION, (self._opened.version + 1).to_bytes(PLACE_BYTES, "big"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a vault is opened, as far as this profile knows: by a secret key beside the password; not by a password yet,
    since none was set.
    """

    has_secret_key: bool = False
    is_unset: bool = False


def standing(store: ProfileStore) -> Standing:
    """How the vault of a profile's account is opened."""
    with Keystore(store) as keys:
        key = keys.find_secret(KEY)
    if key is None:
        return Standing()
    try:
        content = vault.open_enclave(_held(bearer_token(store)), key, name=store.load().account_name).content
    except RemoteError:
        return Standing()
    return Standing(content.get("secret") is True, content.get("unset") is True)
