"""The account's vault: keys that follow from device to device by name and password (protocol.md section 9).

A profile that has opened its vault keeps the vault's key in its keystore, so that new keys go in without the password.
Not here: the forms (accord/vault.py), asking for passwords (vault_commands.py).
"""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import quote

from accord import vault
from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord_client.account import bearer_token
from accord_client.discovery import hub_document
from accord_client.errors import ClientError, ProfileError
from accord_client.keystore import EpochKey, Keystore
from accord_client.profile import Profile, ProfileStore
from accord_client.rest import API_PATH, http_ask, http_get
from accord_client.session import now_ms

KEY: Final = "vault"
VERSION: Final = "vault-version"
PLACE_BYTES: Final = 8

Facts = dict[bytes, tuple[bytes, int]]  # of epochs, as Sealed.epoch_facts gives them


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
        follows=_follows(opened.content),
        verified=frozenset(_key(item) for item in _items(opened.content, "known") if item.get("verified")),
    )
    store.save(profile)
    with Keystore(store) as keys:
        keys.set_secret(KEY, key)
        keys.set_secret(VERSION, opened.version.to_bytes(PLACE_BYTES, "big"))
        restore(keys, opened.content)
    return profile


def _items(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = content.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _key(item: dict[str, Any]) -> bytes:
    try:
        return b64decode(item.get("key"), 32)
    except RemoteError:
        return b""


def _follows(content: dict[str, Any]) -> dict[bytes, str]:
    return {_key(item): str(item.get("called", "")) for item in _items(content, "contacts") if item.get("follows")}


def restore(keys: Keystore, content: dict[str, Any]) -> None:
    """Keep the windows' keys of a vault's content; what is damaged is passed over."""
    for item in _items(content, "windows"):
        try:
            numbers = [item.get(name) for name in ("epoch", "win", "window_ms")]
            epoch, win, window_ms = (number for number in numbers if type(number) is int)
            key, ident = b64decode(item.get("key"), 32), b64decode(item.get("id"), 32)
        except (RemoteError, ValueError):
            continue
        keys.put_epoch(EpochKey(str(item.get("topic")), ident, epoch, win, window_ms, key))


def _windows(keys: Keystore, held: list[dict[str, Any]], facts: Facts) -> list[dict[str, Any]]:
    """The windows' keys of a vault with those of this device; of two of an epoch the later window counts."""
    found = {(item.get("topic"), item.get("epoch"), item.get("id")): item for item in held}
    for epoch in keys.all_epochs():
        if epoch.ident not in facts:
            continue  # its message has lost against another one, or has not come: other devices could not place it
        raw, created_at = facts[epoch.ident]
        ident = b64encode(raw)
        place = (epoch.topic, epoch.epoch, ident)
        before = found.get(place)
        if before is None or int(before.get("win", 0)) < epoch.win:
            found[place] = {
                "topic": epoch.topic,
                "epoch": epoch.epoch,
                "id": ident,
                "win": epoch.win,
                "window_ms": epoch.window_ms,
                "key": b64encode(epoch.key),
                "created_at": created_at,
            }
    return sorted(found.values(), key=lambda item: (item["topic"], item["epoch"], item["id"]))


def _content(profile: Profile, keys: Keystore, before: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """A vault's content with what this device has beside it."""
    content = {**before}
    windows = _windows(keys, _items(before, "windows"), facts)
    known = {_key(item): item for item in _items(before, "known")}
    for key in profile.verified:
        if not known.get(key, {}).get("verified"):
            known[key] = {"key": b64encode(key), "verified": True, "at": now_ms()}
    contacts = {_key(item): item for item in _items(before, "contacts")}
    for key, name in profile.follows.items():
        if key not in contacts:
            contacts[key] = {
                "key": b64encode(key),
                "follows": True,
                "at": now_ms(),
                **({"called": name} if name else {}),
            }
    lists = {"windows": windows, "known": list(known.values()), "contacts": list(contacts.values())}
    return content | {name: items for name, items in lists.items() if items}


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
            content=_content(profile, keys, {}, {}),
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


def sync(store: ProfileStore, keys: Keystore, facts: Facts) -> bool:
    """Take what other devices have put into the vault, and put in what this one has; says whether it changed.

    ClientError where the hub shows an older vault than before, or the password was changed.
    """
    key, seen = keys.find_secret(KEY), keys.find_secret(VERSION)
    if key is None or seen is None:
        return False
    profile, token = store.load(), bearer_token(store)
    answer = http_get(token, "vault")
    enclave = answer.get("enclave") if isinstance(answer, dict) else None
    try:
        opened = vault.open_enclave(enclave, key, name=profile.account_name)
    except RemoteError as error:
        raise ClientError("the vault has another password now: `accord vault open` uses it again") from error
    if opened.version < int.from_bytes(seen, "big"):
        raise ClientError("the hub shows an older vault than it did before: nothing is taken of it")
    restore(keys, opened.content)
    keys.set_secret(VERSION, opened.version.to_bytes(PLACE_BYTES, "big"))
    content = _content(profile, keys, opened.content, facts)
    if content == opened.content or not isinstance(enclave, dict):
        return False
    changed = vault.seal_enclave(
        profile.user,
        name=profile.account_name,
        version=opened.version + 1,
        params=vault.read_params(enclave["kdf"]),
        slots=enclave["slots"],
        key=key,
        content=content,
        recovery=opened.recovery,
    )
    http_ask("PUT", f"{token.api}/vault", {"name": profile.account_name, "enclave": changed}, token)
    keys.set_secret(VERSION, (opened.version + 1).to_bytes(PLACE_BYTES, "big"))
    return True
