"""The examples of docs/api.md, taken from the page as they are, against a real hub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.plain_client import check_message
from tests.e2e.rest import Rest
from tests.hubs import ROOT, HubProcess, run_command, start_hub

pytestmark = pytest.mark.e2e

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
RUN_SECONDS = 60


def example(language: str, heading: str = "Log in, say hello, read it back") -> str:
    """The one block of code in a language under a heading."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", section.partition("\n## ")[0], flags=re.MULTILINE | re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with start_hub(tmp_path_factory.mktemp("hub") / "home") as process:
        yield process


@pytest.fixture
def place(hub: HubProcess, tmp_path: Path) -> Path:
    """A folder with the modules beside it, for somebody who has just joined."""
    (tmp_path / "static").symlink_to(ROOT / "static")
    link = json.loads(run_command(hub.home, "invite", "--json").stdout)["link"]
    run(tmp_path, "accord", "join", link, "--name", f"dev-{os.urandom(4).hex()}")
    return tmp_path


def run(place: Path, *command: str, code: int = 0) -> str:
    """The output of a command, run as that person; its errors where it ends with another code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, "PATH": path, "ACCORD_CLIENT_HOME": str(place / "profile")},
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def needs(program: str) -> None:
    """Skip where a program is missing, but never in continuous integration."""
    if shutil.which(program) is None:
        assert not os.environ.get("CI"), f"{program} is missing"
        pytest.skip(f"{program} is missing: its example in docs/api.md was not run")


def history(place: Path) -> str:
    return run(place, "accord", "history")


def test_python(place: Path) -> None:
    (place / "hello.py").write_text(example("python"), encoding="utf-8")
    assert run(place, sys.executable, "-W", "error", "hello.py") == "stored Hello from Python\n"
    assert "Hello from Python" in history(place)


def test_javascript(place: Path) -> None:
    needs("node")
    (place / "hello.mjs").write_text(example("javascript"), encoding="utf-8")
    assert run(place, "node", "hello.mjs") == "stored Hello from JavaScript\n"
    assert "Hello from JavaScript" in history(place)


def test_curl(place: Path) -> None:
    needs("curl")
    (place / "hello.sh").write_text(example("sh"), encoding="utf-8")
    published, item = run(place, "sh", "-eu", "hello.sh").splitlines()
    assert json.loads(published)["results"][0]["status"] == "stored"
    assert json.loads(item)["id"] == json.loads(published)["results"][0]["id"]
    assert "Hello from curl" in history(place)


def test_a_store_for_ciphertext(place: Path) -> None:
    (place / "keep.py").write_text(example("python", "Only a place for ciphertext"), encoding="utf-8")
    said = ["version 1", "version 2", "version 2", "conflict", "bad_sig", "version 3", "buy rye", "stored duplicate"]
    assert run(place, sys.executable, "-W", "error", "keep.py").splitlines() == said


def test_tokens_of_the_command(place: Path, hub: HubProcess) -> None:
    found = json.loads(run(place, "accord", "token", "--json"))
    assert found["api"] == f"{hub.url}/api/v1"
    me = Rest(hub.url, found["token"]).get("me").value
    assert me["key"] == json.loads(run(place, "accord", "whoami", "--json"))["user"]
    device = json.loads(run(place, "accord", "whoami", "--json"))["device"]
    assert me["session"] == {**me["session"], "client": device, "expires": found["expires"]}
    envelope = json.loads(run(place, "accord", "sign", "--to", "feed", "signed,", "not", "sent"))
    check_message(envelope)
    assert envelope["header"]["to"] == "feed"
    assert "not sent" not in run(place, "accord", "history", "feed")


def test_what_one_may_store(place: Path, hub: HubProcess) -> None:
    me = json.loads(run(place, "accord", "whoami", "--json"))
    assert (me["allowance"]["messages_limit"], me["allowance"]["resets_at"]) == (None, None)
    assert "allowance" not in run(place, "accord", "whoami")
    run_command(hub.home, "grant", me["name"], "--messages", "500", "--bytes", str(2 * 1024 * 1024))
    assert re.search(
        r"^allowance    \d of 500 messages used, \d\.\d KiB of 2\.0 MiB used$", run(place, "accord", "whoami"), re.M
    )


def test_a_token_without_a_hub(place: Path) -> None:
    (file,) = (place / "profile").glob("*.json")
    profile = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**profile, "url": "http://127.0.0.1:1"}), encoding="utf-8")
    assert "cannot be reached" in run(place, "accord", "token", code=1)


def test_a_token_of_another_hub(place: Path) -> None:
    (file,) = (place / "profile").glob("*.json")
    profile = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**profile, "hub": profile["user_seed"]}), encoding="utf-8")
    assert "wrong_server" in run(place, "accord", "token", code=1)
