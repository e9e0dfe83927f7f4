from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from accord import vectors

FILE = Path(__file__).parents[1] / "vectors" / "protocol.json"
WHOLE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
BUILT = [(name, check) for name, check in vectors.entries(WHOLE) if check]


@pytest.mark.parametrize(("name", "check"), BUILT, ids=[name for name, _ in BUILT])
def test_entry(name, check):
    check()


def test_every_section_gives_entries_or_is_listed_as_not_built():
    named = {name.partition(":")[0] for name, _ in vectors.entries(WHOLE)}
    assert named == set(WHOLE) - {"about", "labels_prk"}


@pytest.mark.parametrize("case", [case for case in WHOLE["signatures"] if case["valid"]], ids=lambda case: case["why"])
def test_accepted_signatures_are_good_for_another_library_too(case):
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"])).verify(
        bytes.fromhex(case["signature"]), bytes.fromhex(case["message"])
    )


def test_signature_vectors_hold_cases_that_a_lax_verifier_accepts():
    lax = 0
    for case in WHOLE["signatures"]:
        if not case["valid"] and len(case["key"]) == 64:
            try:
                Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"])).verify(
                    bytes.fromhex(case["signature"]), bytes.fromhex(case["message"])
                )
            except (InvalidSignature, ValueError):
                continue
            lax += 1
    assert lax >= 14  # at least one for each encoding of a small-order key


def _changed(*path: Any, to: Any) -> dict[str, Any]:
    whole = copy.deepcopy(WHOLE)
    place = whole
    for step in path[:-1]:
        place = place[step]
    assert place[path[-1]] != to
    place[path[-1]] = to
    return whole


ENVELOPE = WHOLE["messages"][0]["envelope"]
CHANGES = [
    (("canonical_accept", 0, "bytes"), "7b7d", 1),
    (("canonical_accept", 1, "value"), {"n": 1, "s": ""}, 1),
    (("canonical_reject", 0, "bytes"), "7b7d", 1),
    (("base64url_reject", 0), "AA", 1),
    (("order", 0), WHOLE["order"][1], 1),
    (("labels", 0, "hash"), "00" * 32, 1),
    (("labels", 0, "expand"), "00" * 32, 1),
    (("ids", "open_channel"), "A" * 43, 1),
    (("cert", "cert", "serial"), "A" * 22, 1),
    (("cert", "reject", 0), WHOLE["cert"]["cert"], 1),
    (("login", "th1"), "00" * 32, 1),
    (("login", "th2"), "00" * 32, 1),
    (("login", "th3"), "00" * 32, 1),
    (("login", "s2c"), "00" * 32, 1),
    (("login", "c2s"), "00" * 32, 1 + len(WHOLE["login"]["frames"])),
    (("login", "session"), "00" * 32, 1),
    (("login", "frames", 0, "counter"), 7, 1),
    (("messages", 0, "id"), "A" * 43, 1),
    (("messages", 0, "uuid"), "0", 1),
    (("messages", 0, "canonical"), "00", 1),
    (("messages", 0, "envelope", "sig"), "A" * 86, 1),
    (("messages_reject", 0, "envelope"), ENVELOPE, 1),
    (("messages_reject", 0, "code"), "denied", 1),
    (("message_types_reject", 0, "envelope"), ENVELOPE, 1),
    (("message_types_reject", 0, "code"), "denied", 1),
    (("hpke", "key"), "00" * 32, 1),
    (("channel", "window_keys", 3), "00" * 32, 1),
    (("channel", "message_key"), "A" * 59, 1),
    (("channel", "padded", 0, "padded_length"), 512, 1),
    (("channel", "unpad_reject", 0, "padded"), "80" + "00" * 255, 1),
    (("channel_reject", "cases", 0, "window_key"), WHOLE["channel"]["window_keys"][2], 1),
    (("epoch_box", "plaintext"), "00" * 32, 1),
    (("epochs", "line", 1), "two later", 1),
    (("epochs", "opens", 0, "secret"), "00" * 32, 1),
    (("epochs", "reject", 0, "code"), "denied", 1),
    (("devices", "cases", 1, "living"), [], 1),
    (("connection", "key"), "00" * 32, 1),
    (("connection", "first"), "A" * 43, 1),
    (("merkle", 3, "root"), "00" * 32, 1),
    (("merkle_nodes", "mask"), 1, 1),
    (("merkle_proof", "root"), "00" * 32, 1),
    (("merkle_proof", "reject", 0, "id"), WHOLE["merkle_proof"]["id"], 1),
    (("sync_digest", "digest"), "00" * 16, 1),
    (("sync_entries", 2, "entry", "mask"), 1, 1),
    (("sync_want", "want"), "AA", 1),
    (("sync_frames", 0, "frame", "at"), -1, 1),
    (("sync_frames_reject", 0, "frame"), WHOLE["sync_frames"][0]["frame"], 1),
    (("statement", "statement", "at"), 1, 1),
    (("statements_reject", 0, "statement"), WHOLE["statement"]["statement"], 1),
    (("statements_reject", 0, "code"), "denied", 1),
    (("hub_status", 0, "statement", "seq"), 8, 1),
    (("hub_status_reject", "cases", 0, "statement"), WHOLE["hub_status"][1]["statement"], 1),
    (("hub_status_reject", "cases", 0, "code"), "denied", 1),
    (("pow", "hash"), "00" * 32, 1),
    (("pow", "counter"), WHOLE["pow"]["counter"] + 1, 1),
    (("pow", "reject_counter"), WHOLE["pow"]["counter"], 1),
    (("invite", "proof"), "A" * 86, 1),
    (("invite", "temporary_private"), "00" * 32, 1),
    (("invite_links_reject", 0, "link"), "https://h/join#" + "A" * 43 + "." + "A" * 43, 1),
    (("invite_circle", "temporary_privates", 1, "private"), "00" * 32, 1),
    (("invite_circle", "people"), 49, 1),
    (("claim_codes", 0, "hash"), "A" * 43, 1),
    (("blobs", 1, "id"), "A" * 43, 1),
    (("blobs_reject", 0, "key"), WHOLE["blobs"][1]["key"], 1),
    (("claim_codes", 0, "shown"), "7KQ2MXB94T", 1),
    (("claim_codes_reject", 0, "typed"), "7KQ2M-XB94T", 1),
    (("vault", "auth"), "00" * 32, 1),
    (("vault", "secret_wrap"), "00" * 32, 1),
    (("vault_code", "auth"), "00" * 32, 1),
    (("vault_code", "reject", 0), WHOLE["vault_code"]["typed"][0], 1),
    (("vault_params_reject", 0, "params", "iterations"), 600_000, 1),
    (("vault_enclave", 0, "content"), {}, 1),
    (("vault_enclave_reject", 0), {**WHOLE["vault_enclave"][0], "code": "bad_request"}, 1),
    (("vault_enclave_reject", 0, "code"), "denied", 1),
    (("store_enclave", 1, "hash"), "A" * 43, 1),
    (("store_enclave_reject", 0, "code"), "denied", 1),
    (("store_shard", "reject", 0, "shard"), WHOLE["store_shard"]["shard"], 1),
    *((("signatures", number, "valid"), not case["valid"], 1) for number, case in enumerate(WHOLE["signatures"])),
]


@pytest.mark.parametrize(("path", "to", "broken"), CHANGES, ids=[".".join(map(str, path)) for path, *_ in CHANGES])
def test_a_wrong_entry_fails(path, to, broken):
    section = path[0]
    part = {name: WHOLE[name] for name in {section, "cert", "labels_prk", "merkle", "sync_digest"}}
    part[section] = _changed(*path, to=to)[section]
    failed = 0
    for name, check in vectors.entries(part):
        try:
            check()
        except Exception:  # noqa: BLE001 - as the command counts
            failed += name.startswith(section)
    assert failed == broken


def _run(tmp_path: Path, content: str) -> tuple[int, Path]:
    file = tmp_path / "vectors.json"
    file.write_text(content, encoding="utf-8")
    return vectors.main([str(file)]), file


def test_command_good_file(capsys):
    assert vectors.main([str(FILE)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(BUILT)} passed, 0 failed"


def test_command_one_broken_entry(tmp_path, capsys):
    code, _ = _run(tmp_path, json.dumps(_changed("messages", 0, "id", to="A" * 43)))
    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert next(line for line in lines if line.startswith("FAILED")).startswith("FAILED messages: 0: AssertionError")
    assert lines[-1] == f"{len(BUILT) - 1} passed, 1 failed"


def test_command_lists_an_unknown_section_and_does_not_count_it(tmp_path, capsys):
    code, _ = _run(tmp_path, json.dumps({"base64url_reject": ["A"], "of_tomorrow": [1, 2]}))
    assert code == 0
    assert capsys.readouterr().out.splitlines() == ["not built yet: of_tomorrow", "1 passed, 0 failed"]


@pytest.mark.parametrize("cases", [[{}], [1], {"a": 1}, 5])
def test_command_malformed_section_is_a_failed_entry(tmp_path, capsys, cases):
    code, _ = _run(tmp_path, json.dumps({"signatures": cases, "base64url_reject": ["A"]}))
    assert code == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "[" * 100_000], ids=["empty", "cut", "list", "number", "deep"])
def test_command_unreadable_file(tmp_path, capsys, content):
    code, file = _run(tmp_path, content)
    assert code == 1
    assert capsys.readouterr().err.startswith(f"cannot read {file}: ")


def test_command_missing_file_and_usage(tmp_path, capsys):
    assert vectors.main([str(tmp_path / "none.json")]) == 1
    assert capsys.readouterr().err.startswith("cannot read ")
    assert vectors.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")
