"""Checks of the sections of a vector file about the vault and the stores (accord.vectors; protocol.md section 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from accord import handover, stores, vault
from accord.encoding import b64decode, b64encode
from accord.keys import SigningKey
from accord.vector_checks import Entry, equal, refused


def _vault(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        name = vault.canonical_name(case["name"])
        salt = vault.vault_salt(bytes.fromhex(case["hub"]), name, bytes.fromhex(case["salt"]))
        root = vault.root_key(case["password"], salt, case["iterations"])
        equal((vault.auth_key(root).hex(), vault.wrap_key(root).hex()), (case["auth"], case["wrap"]))
        equal(vault.auth_hash(vault.auth_key(root)).hex(), case["auth_hash"])
        root = vault.root_key(case["password"], salt, case["iterations"], secret_key=bytes.fromhex(case["secret_key"]))
        equal((vault.auth_key(root).hex(), vault.wrap_key(root).hex()), (case["secret_auth"], case["secret_wrap"]))

    yield "password, secret key", check


def _vault_code(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        code = bytes.fromhex(case["code"])
        equal(vault.VAULT_CODE.groups(code), case["groups"])
        for typed in case["typed"]:
            equal(vault.VAULT_CODE.parse(typed), code)
        root = vault.recovery_root(code)
        equal((vault.auth_key(root).hex(), vault.wrap_key(root).hex()), (case["auth"], case["wrap"]))

    yield "code, its keys", check
    for number, typed in enumerate(case["reject"]):
        yield f"reject {number}", partial(refused, partial(vault.VAULT_CODE.parse, typed), "bad_request")


def _vault_params_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(vault.read_params, case["params"]), "bad_request")


def _open(case: dict[str, Any]) -> vault.Opened:
    key = vault.slot_key(case["enclave"], case["kind"], wrap=bytes.fromhex(case["wrap"]))
    return vault.open_enclave(case["enclave"], key, name=case["name"])


def _vault_enclave(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            opened = _open(case)
            equal(opened.content, case["content"])
            equal((opened.user.seed.hex(), opened.version), (case["user"], case["enclave"]["version"]))
            equal(opened.recovery, bytes.fromhex(case["recovery"]) if "recovery" in case else None)

        yield case["why"], check


def _vault_enclave_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(_open, case), case["code"])


def _handover(case: dict[str, Any]) -> Iterator[Entry]:
    code, hub = bytes.fromhex(case["code"]), b64decode(case["hub"])

    def check() -> None:
        equal(b64encode(handover.attach_id(code, hub)), case["id_attach"])
        package = handover.open_package(b64decode(case["body"]), code=code, hub=hub)
        equal((package.name, package.auth.hex(), package.wrap.hex()), (case["name"], case["auth"], case["wrap"]))
        again = handover.seal_package(package, code=code, hub=hub)
        equal(handover.open_package(again, code=code, hub=hub), package)

    yield "package", check
    for bad in case["reject"]:
        how = {"code": bytes.fromhex(bad.get("code", case["code"])), "hub": b64decode(bad.get("hub", case["hub"]))}
        body = b64decode(bad.get("body", case["body"]))
        yield bad["why"], partial(refused, partial(handover.open_package, body, **how), bad["code_of_error"])


def _head(case: dict[str, Any]) -> stores.Head | None:
    head: stores.Head | None = None
    for document in case.get("before", []):
        head = stores.verify_enclave(document, head).head
    return head


def _store_enclave(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            before, signer = _head(case), SigningKey(bytes.fromhex(case["signer"]))
            verified = stores.verify_enclave(case["enclave"], before)
            equal(b64encode(verified.head.hash), case["hash"])
            made = stores.make_enclave(
                signer,
                body=verified.body,
                type=verified.head.type,
                before=before,
                next_key=verified.head.key,
            )
            equal(made, case["enclave"])

        yield case["why"], check


def _store_enclave_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            before = _head(case)
            refused(partial(stores.verify_enclave, case["enclave"], before), case["code"])

        yield case["why"], check


def _store_shard(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        equal(stores.read_shard(case["shard"]).body, b64decode(case["shard"]["body"]))

    yield "id", check
    for bad in case["reject"]:
        yield bad["why"], partial(refused, partial(stores.read_shard, bad["shard"]), "bad_request")


ALONE: Final[dict[str, Callable[[Any], Iterator[Entry]]]] = {
    "vault": _vault,
    "vault_code": _vault_code,
    "vault_params_reject": _vault_params_reject,
    "vault_enclave": _vault_enclave,
    "vault_enclave_reject": _vault_enclave_reject,
    "handover": _handover,
    "store_enclave": _store_enclave,
    "store_enclave_reject": _store_enclave_reject,
    "store_shard": _store_shard,
}
