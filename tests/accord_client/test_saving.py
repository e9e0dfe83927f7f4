"""Where files of others are saved."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord_client.errors import ClientError
from accord_client.saving import MAX_NAME_BYTES, safe_name, save


@given(st.text())
def test_any_name_is_one_of_a_file_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert not safe.startswith((".", " "))
    assert not set(safe) & set("/\\:\x00\n\x1b")
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("our garden.jpg", "our garden.jpg"),
        ("../../.ssh/authorized_keys", "_.._.ssh_authorized_keys"),
        (".bashrc", "bashrc"),
        ("...", "file"),
        ("gnp\u202e.exe", "gnp.exe"),
        ("\x1b[2Ja", "a"),
        ("b" * 300 + ".txt", "b" * (MAX_NAME_BYTES - 4) + ".txt"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_nothing_is_written_over(tmp_path: Path) -> None:
    first, second = save(tmp_path, "a.txt", b"1"), save(tmp_path, "a.txt", b"2")
    assert (first.name, second.name) == ("a.txt", "a (2).txt")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere")
    assert save(tmp_path, "link.txt", b"3").name == "link (2).txt"
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(ClientError, match="already"):
        save(first, "b.txt", b"4")
    with pytest.raises(ClientError, match="cannot be written"):
        save(tmp_path / "none" / "a", "a", b"5")
