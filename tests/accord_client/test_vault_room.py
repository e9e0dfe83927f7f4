"""A vault's content that is too large loses the oldest keys that others have followed, and nothing else."""

from __future__ import annotations

from typing import Any

from accord.encoding import b64encode, canonical
from accord_client.vault_room import MAX_CONTENT_BYTES, fitted


def _window(topic: int, epoch: int, at: int) -> dict[str, Any]:
    return {"topic": f"chan:{topic}", "epoch": epoch, "created_at": at, "key": b64encode(bytes(32)), "win": 1}


def test_what_does_not_fit_is_left_out_the_oldest_first() -> None:
    pairs = [_window(number, 1, number) for number in range(100)]
    channel = [_window(1_000, 1 + number, 1_000 + number) for number in range(5_000)]
    content = {"keys": "x", "known": [{"key": "k", "at": 1}], "windows": [*reversed(channel), *pairs]}
    fit = fitted(content)
    assert len(canonical(fit)) <= MAX_CONTENT_BYTES
    assert [item for item in fit["windows"] if item["epoch"] == 1] == pairs
    kept = [item["epoch"] for item in fit["windows"] if item["topic"] == "chan:1000"]
    assert kept == list(range(5_000, 5_000 - len(kept), -1))
    assert fit["known"] == content["known"]
    assert fitted(fit) is fit
