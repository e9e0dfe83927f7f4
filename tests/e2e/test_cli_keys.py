"""`accord verify` and `accord recovery` against a real hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.plain_client import b64
from tests.e2e.world import World, running

pytestmark = pytest.mark.e2e

RUN_SECONDS = 60


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("cli-keys")) as world:
        yield world


def accord(home: Path, *arguments: str, typed: str = "", code: int = 0) -> str:
    """What the program prints; its errors where it ends with another code."""
    done = subprocess.run(
        [sys.executable, "-m", "accord_client.cli", *arguments],
        env={**os.environ, "ACCORD_CLIENT_HOME": str(home)},
        input=typed,
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_a_code_brings_back_and_who_compared_is_told(own: World, tmp_path: Path) -> None:
    ann, bob, back = tmp_path / "ann", tmp_path / "bob", tmp_path / "back"
    for home, name in ((ann, "ann"), (bob, "bob")):
        accord(home, "join", own.invite(), "--name", name)
    shown = accord(bob, "verify", "ann")
    words = shown.split("words of both keys: ")[1].splitlines()[0]
    assert words in accord(ann, "verify", "bob")
    assert "compared" in accord(bob, "verify", "ann", "--yes")
    accord(bob, "send", "--to", "@ann", "hello")
    accord(bob, "follow", "ann")
    before = accord(bob, "follow")

    with subprocess.Popen(
        [sys.executable, "-m", "accord_client.cli", "recovery", "make"],
        env={**os.environ, "ACCORD_CLIENT_HOME": str(ann)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as making:
        assert making.stdin is not None
        assert making.stdout is not None
        groups = making.stdout.readline().split()
        out, errors = making.communicate(f"{groups[-1]}\n", timeout=RUN_SECONDS)
        assert making.returncode == 0, errors
        assert "is set" in out

    address = f"{own.url.replace('ws', 'http', 1).rsplit('/ws', 1)[0]}#{b64(own.key)}"
    wrong = " ".join([*groups[:-1], "0000"])
    assert "compare it once more" in accord(back, "recovery", "use", address, typed=f"{wrong}\n", code=1)
    assert "back as ann" in accord(back, "recovery", "use", address, typed=f"{'-'.join(groups).lower()}\n")
    refusal = accord(bob, "send", "--to", "@ann", "is it you?", code=1)
    assert "has a new key" in refusal
    assert "recovery code that the old key had named" in refusal
    assert accord(bob, "follow") == before
    assert "recovery code that the old key had named" in accord(bob, "verify", "ann", "--yes")
    after = accord(bob, "follow")
    assert "ann" in after
    assert after != before
    accord(bob, "send", "--to", "@ann", "is it you?")
    assert accord(ann, "topics", code=1)


def test_an_owners_link_brings_the_admins_account_to_a_terminal(own: World, tmp_path: Path) -> None:
    link = str(json.loads(own.command("owner", "--json"))["link"])
    origin, _, code = link.partition("/recover#owner=")
    address = f"{origin}#{b64(own.key)}"
    assert "back as admin" in accord(tmp_path, "recovery", "use", address, typed=f"{code}\n")
    accord(tmp_path, "send", "--to", "#lounge", "the owner is here")
    assert "knows no account with that code" in accord(
        tmp_path, "recovery", "use", address, "--profile", "other", typed=f"{code}\n", code=1
    )
