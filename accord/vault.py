"""The vault: a user's keys behind a name and a password (protocol.md section 9).

What a password becomes, the recovery code, and the user enclave: one sealed document with a slot a way to open it. Not
here: who may ask for an enclave, and how often (a hub's vault app); what clients keep in it beside the user key; the
documents of the stores (stores.py).

A password becomes a `root`, and that becomes two keys: `auth`, which the hub is told and keeps a hash of, and `wrap`,
which never leaves the client and opens the slot with the enclave's key. Neither leads to the other. The user key is
sealed once more inside the body (`keys`), so that a client may keep a key that opens the body alone.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from typing import Any, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from accord import fields
from accord.codes import CodeForm
from accord.encoding import b64decode, b64encode, canonical, parse_canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.names import normalize_name
from accord.primitives import domain, expand, extract, labelled_hash, labelled_hmac, lp

KDF: Final = "pbkdf2-sha256"
DEFAULT_ITERATIONS: Final = 1_000_000
MIN_ITERATIONS: Final = 600_000
MAX_ITERATIONS: Final = 10_000_000
SALT_BYTES: Final = 16
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
MIN_PASSWORD_CHARS: Final = 1  # what is a good one is said where it is chosen
MAX_PASSWORD_CHARS: Final = 1_000
MAX_ENCLAVE_BYTES: Final = 512 * 1024  # in canonical form
MAX_VERSION: Final = 2**53 - 1
VAULT_CODE: Final = CodeForm(  # 8 groups of four
    "code of the vault", lambda code: labelled_hash("vault-code-check", code), size=16, check=4
)

canonical_name = normalize_name

_PARAMS: Final = {
    "kdf": fields.exactly(KDF),
    "salt": fields.octets(SALT_BYTES),
    "iterations": fields.integer(MIN_ITERATIONS, MAX_ITERATIONS),
}
_SLOT: Final = {
    "kind": fields.one_of("password", "recovery"),
    "wrapped_key": fields.octets(NONCE_BYTES + KEY_BYTES + TAG_BYTES),
}


def _name(value: Any) -> str:
    if type(value) is not str or normalize_name(value) != value:
        raise RemoteError("bad_request", "a name in its one spelling expected")
    return value


def _body(value: Any) -> bytes:
    raw = b64decode(value)
    if len(raw) <= NONCE_BYTES + TAG_BYTES:
        raise RemoteError("bad_request", "too short to hold anything")
    return raw


_KEYS: Final[dict[str, fields.Field | fields.Check]] = {
    "user": fields.key,
    "recovery": fields.optional(fields.octets(KEY_BYTES)),
}
_ENCLAVE: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("vault"),
    "name": _name,
    "version": fields.integer(1, MAX_VERSION),
    "kdf": lambda value: fields.read(value, _PARAMS, "kdf"),
    "slots": fields.list_of(lambda value: fields.read(value, _SLOT, "slot"), 2),
    "body": _body,
    "signature": fields.octets(64),
}


# -------------------------------------------------------------------------------------------------- from the password


@dataclass(frozen=True, slots=True)
class Params:
    """How the password of a name becomes a key: the 16-byte salt, and iterations of PBKDF2."""

    salt: bytes
    iterations: int = DEFAULT_ITERATIONS

    def wire(self) -> dict[str, Any]:
        """As the hub tells it, and as an enclave has it under `kdf`."""
        return {"kdf": KDF, "salt": b64encode(self.salt), "iterations": self.iterations}


def read_params(value: object) -> Params:
    """What a hub answered; RemoteError("bad_request") for another form, and for so little or so much work that no
    honest hub asks for it.
    """
    checked = fields.read(value, _PARAMS, "params")
    return Params(checked["salt"], checked["iterations"])


def hub_params(secret: bytes, name: str) -> Params:
    """What a hub tells of a name, whoever has it: it depends on nothing else, so it tells nothing else.

    `secret` is 32 bytes that only the hub knows.
    """
    return Params(labelled_hmac(expand(secret, "vault-decoy"), name.encode("ascii"))[:SALT_BYTES])


def vault_salt(hub: bytes, name: str, salt: bytes) -> bytes:
    """What the password is salted with: 32 bytes that are this hub's, this name's and of this salt."""
    return labelled_hash("vault-salt", lp(hub) + lp(name.encode("ascii")) + lp(salt))


def root_key(password: str, salt: bytes, iterations: int, *, secret_key: bytes | None = None) -> bytes:
    """What the password stretches to: 32 bytes; `salt` is what `vault_salt` gave.

    With a `secret_key` (16 bytes that its owner keeps beside the password) the password alone leads nowhere.
    RemoteError("bad_request") for a password that cannot be one; it takes a second or so.
    """
    normal = unicodedata.normalize("NFKC", password[: 4 * MAX_PASSWORD_CHARS])
    if not MIN_PASSWORD_CHARS <= len(normal) <= MAX_PASSWORD_CHARS:
        raise RemoteError("bad_request", f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise RemoteError("bad_request", "no honest hub asks for so little or so much work")
    try:
        raw = normal.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RemoteError("bad_request", "the password is not well-formed text") from error
    root = PBKDF2HMAC(algorithm=SHA256(), length=KEY_BYTES, salt=salt, iterations=iterations).derive(raw)
    return root if secret_key is None else extract(secret_key, root)


def auth_key(root: bytes) -> bytes:
    """What the hub is told as proof: 32 bytes."""
    return expand(root, "vault-auth")


def wrap_key(root: bytes) -> bytes:
    """What opens the slot: 32 bytes that stay with the client."""
    return expand(root, "vault-wrap")


def auth_hash(auth: bytes) -> bytes:
    """What the hub keeps of `auth`. A fast hash, for `auth` has 256 bits and is stretched already."""
    return labelled_hash("vault-auth-hash", auth)


def attempt_tag(secret: bytes, kind: str, value: str) -> bytes:
    """Under what a hub counts attempts at a `kind` of thing (name, address): 16 bytes that do not show the value, for
    people also type passwords where names belong.
    """
    return labelled_hmac(expand(secret, "vault-attempt"), f"{kind} {value}".encode())[:16]


# --------------------------------------------------------------------------------------------------------------- code


def recovery_root(code: bytes) -> bytes:
    """What a recovery code becomes: `auth_key` and `wrap_key` of it open the vault as those of the password do."""
    return extract(domain("recovery"), code)


# ------------------------------------------------------------------------------------------------------------ enclave


@dataclass(frozen=True, slots=True)
class Opened:
    """An enclave that was opened and found to be its user's: the user key, the wrap key of its recovery slot (None
    without one), the version, and the rest of its content.
    """

    user: SigningKey
    recovery: bytes | None
    version: int
    content: dict[str, Any]


def make_slot(kind: str, *, name: str, wrap: bytes, key: bytes) -> dict[str, Any]:
    """A way to open the enclave: its key sealed under a wrap key, as it goes on the wire."""
    return {"kind": kind, "wrapped_key": b64encode(_sealed(wrap, key, _slot_aad(name, kind)))}


def _slot_aad(name: str, kind: str) -> bytes:
    return domain("vault-slot") + canonical({"name": name, "kind": kind})


def _body_aad(name: str, version: int) -> bytes:
    return domain("vault-body") + canonical({"name": name, "version": version, "type": "vault"})


def _keys_aad(name: str) -> bytes:
    return domain("vault-keys") + canonical({"name": name})


def _sealed(key: bytes, inside: bytes, aad: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, inside, aad)


def _opened(key: bytes, sealed: bytes, aad: bytes, what: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except InvalidTag as error:
        raise RemoteError("bad_request", f"the {what} does not open with that") from error


def seal_enclave(
    user: SigningKey,
    *,
    name: str,
    version: int,
    params: Params,
    slots: list[dict[str, Any]],
    key: bytes,
    content: dict[str, Any],
    recovery: bytes | None = None,
) -> dict[str, Any]:
    """The enclave of a user as it goes on the wire; the user key goes into the content, sealed, under `keys`, and with
    it `recovery`, the wrap key of the recovery slot.

    `key` is the enclave's own 32 bytes, which the slots hold; `version` is greater than that of any before.
    RemoteError: bad_encoding (content that has no canonical form), too_big.
    """
    mine = {"user": b64encode(user.seed)} | ({"recovery": b64encode(recovery)} if recovery is not None else {})
    keys = _sealed(expand(key, "vault-keys"), canonical(mine), _keys_aad(name))
    body = _sealed(key, canonical({**content, "keys": b64encode(keys)}), _body_aad(name, version))
    rest = {
        "v": 1,
        "type": "vault",
        "name": name,
        "version": version,
        "kdf": params.wire(),
        "slots": slots,
        "body": b64encode(body),
    }
    enclave = {**rest, "signature": b64encode(user.sign("vault", canonical(rest)))}
    read_enclave(enclave)
    return enclave


def read_enclave(value: object) -> dict[str, Any]:
    """The checked fields of an enclave, bytes as bytes; nothing is opened and no signature looked at.

    RemoteError: bad_request, bad_encoding, too_big.
    """
    if len(canonical(value)) > MAX_ENCLAVE_BYTES:
        raise RemoteError("too_big", f"an enclave has at most {MAX_ENCLAVE_BYTES} bytes")
    checked = fields.read(value, _ENCLAVE, "enclave")
    kinds = [slot["kind"] for slot in checked["slots"]]
    if len(set(kinds)) != len(kinds) or kinds[0] != "password":
        raise RemoteError("bad_request", "enclave.slots: the password's first, then perhaps the recovery code's")
    return checked


def verify_enclave(value: object, user: bytes) -> dict[str, Any]:
    """The checked fields of an enclave that this user has signed. RemoteError: as `read_enclave`, and bad_sig."""
    checked = read_enclave(value)
    signed = {name: item for name, item in cast(dict[str, Any], value).items() if name != "signature"}
    verify(user, "vault", canonical(signed), checked["signature"])
    return checked


def slot_key(value: object, kind: str, *, wrap: bytes) -> bytes:
    """The enclave's key, out of the slot of that kind; RemoteError("bad_request") if there is none or it does not open
    with `wrap`.
    """
    checked = read_enclave(value)
    for slot in checked["slots"]:
        if slot["kind"] == kind:
            return _opened(wrap, slot["wrapped_key"], _slot_aad(checked["name"], kind), "slot")
    raise RemoteError("bad_request", "the enclave has no such slot")


def open_enclave(value: object, key: bytes, *, name: str) -> Opened:
    """What an enclave of this name holds, opened with its key (`slot_key`).

    RemoteError: of another form, of another name, not opened by the key, without a user key, or not signed by it.
    """
    checked = read_enclave(value)
    if checked["name"] != name:
        raise RemoteError("bad_request", "the enclave is of another name")
    inside = _opened(key, checked["body"], _body_aad(name, checked["version"]), "body")
    content = parse_canonical(inside, max_bytes=MAX_ENCLAVE_BYTES)
    if type(content) is not dict or "keys" not in content:
        raise RemoteError("bad_request", "the enclave holds no keys")
    keys = _opened(expand(key, "vault-keys"), _body(content.pop("keys")), _keys_aad(name), "keys")
    mine = fields.read(parse_canonical(keys, max_bytes=MAX_ENCLAVE_BYTES), _KEYS, "keys")
    user = SigningKey(mine["user"])
    verify_enclave(value, user.public)
    return Opened(user, mine.get("recovery"), checked["version"], content)
