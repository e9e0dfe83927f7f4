"""The sections of test vectors about trees and sync (protocol.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from accord import merkle
from accord.encoding import b64decode, b64encode
from accord.sync.compare import Nodes, Place
from accord.sync.frames import read_bits, read_frame, write_bits
from accord.vector_checks import Entry, equal, refused


def _tree(case: dict[str, Any]) -> merkle.Tree:
    return merkle.Tree((bytes.fromhex(ident), created_at) for created_at, ident in case["items"])


def _merkle(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            equal(_tree(case).view(horizon=case["horizon"]).root.hex(), case["root"])

        yield f"{case['n']} from {case['horizon']}", check


def _named(whole: dict[str, Any], name: str) -> dict[str, Any]:
    """The case of a section that `name` (`section[number]`) stands for."""
    section, _, number = name.rstrip("]").partition("[")
    case: dict[str, Any] = whole[section][int(number)]
    return case


def _merkle_nodes(case: dict[str, Any], whole: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        children = _tree(_named(whole, case["items"])).view().children(case["level"], case["bucket"])
        equal(sum(1 << child.index for child in children), case["mask"])
        equal(b64encode(b"".join(child.hash[:16] for child in children)), case["hashes"])

    yield "entry", check


def _merkle_proof(case: dict[str, Any], whole: dict[str, Any]) -> Iterator[Entry]:
    root, ident = bytes.fromhex(case["root"]), bytes.fromhex(case["id"])

    def check() -> None:
        merkle.verify_proof(root, ident, case["created_at"], case["steps"])
        view = _tree(_named(whole, case["items"])).view()
        equal(merkle.proof(view, ident, case["created_at"]), case["steps"])

    yield "proof", check
    for wrong in case["reject"]:
        proved = bytes.fromhex(wrong["id"])
        verify = partial(merkle.verify_proof, root, proved, wrong["created_at"], wrong["steps"])
        yield f"reject {wrong['why']}", partial(refused, verify, "bad_request")


def _sync_digest(case: dict[str, Any]) -> Iterator[Entry]:
    rows = [(topic, b64decode(root), horizon) for topic, root, horizon in case["list"]]
    yield "digest", lambda: equal(merkle.topics_digest(rows).hex(), case["digest"])


def _sync_entries(cases: list[Any], whole: dict[str, Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            nodes = Nodes(_tree(_named(whole, case["items"])).view())
            entry = nodes.entry(Place(*case["place"]))
            equal(entry.json(), case["entry"])
            frame = {"type": "nodes", "ref": 1, "topic": whole["sync_digest"]["list"][0][0], "entries": [case["entry"]]}
            equal(read_frame(frame)["entries"], [entry])

        yield case["why"], check


def _sync_want(case: dict[str, Any]) -> Iterator[Entry]:
    def check() -> None:
        chosen = [place in case["places"] for place in range(case["listed"])]
        equal(b64encode(write_bits(chosen)), case["want"])
        equal(read_bits(b64decode(case["want"])), case["places"])

    yield "bits", check


def _sync_frames(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            read_frame(case["frame"])

        yield case["why"], check


def _sync_frames_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(read_frame, case["frame"]), "bad_request")


ALONE: Final[dict[str, Callable[[Any], Iterator[Entry]]]] = {
    "merkle": _merkle,
    "sync_digest": _sync_digest,
    "sync_want": _sync_want,
    "sync_frames": _sync_frames,
    "sync_frames_reject": _sync_frames_reject,
}
WITH_FILE: Final[dict[str, Callable[[Any, dict[str, Any]], Iterator[Entry]]]] = {
    "merkle_nodes": _merkle_nodes,
    "merkle_proof": _merkle_proof,
    "sync_entries": _sync_entries,
}
