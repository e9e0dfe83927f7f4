"""What is private on the command line, against a real hub: the vault, connections, spaces, search."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accord import vault
from accord_client import cli, rotation, vaulting
from accord_client.account import bearer_token
from accord_client.keystore import Keystore
from accord_client.profile import Profile, ProfileStore
from accord_client.rest import http_get
from tests.e2e.plain_client import Key, b64
from tests.e2e.world import World, running

pytestmark = pytest.mark.e2e

PASSWORD = "several quite ordinary words"
OTHER = "and now some other ones"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("cli-private")) as world:
        yield world


@pytest.fixture
def accord(own: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the program as a member, who is made when first named; gives what it prints, errors where it fails."""

    async def join(name: str) -> None:
        key, device = Key(), Key()
        async with await own.connect(own.admin) as session:
            await session.store(own.add_user(own.admin, key, name, invites=1))
        url = origin(own)
        profile = Profile(key.seed, device.seed, name, own.key, url, own.url, joined=True, claim_sent=True)
        ProfileStore("default", tmp_path / name).save(profile)

    def run(who: str, *arguments: str, typed: str = "", code: int = 0) -> str:
        home = tmp_path / who
        if not home.exists() and arguments[0] != "login":
            asyncio.run(join(who))
        monkeypatch.setenv("ACCORD_CLIENT_HOME", str(home))
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        assert cli.main(list(arguments)) == code, capfd.readouterr()
        out, err = capfd.readouterr()
        return err if code else out

    return run


def origin(own: World) -> str:
    return own.url.replace("ws", "http", 1).rsplit("/ws", 1)[0]


def windows(own: World, home: Path) -> list[dict[str, Any]]:
    """The keys in the vault of a profile's account, as other programs find them."""
    store = ProfileStore("default", home)
    with Keystore(store) as keys:
        key = keys.find_secret(vaulting.KEY)
    assert key is not None
    held = http_get(bearer_token(store), "vault")["enclave"]
    return list(vault.open_enclave(held, key, name=held["name"]).content["windows"])


def test_a_password_brings_the_keys_to_a_clean_machine(own: World, accord: Run, tmp_path: Path) -> None:
    address = f"{origin(own)}#{b64(own.key)}"
    accord("ada", "follow", "ada")
    code = accord("ada", "vault", "make", typed=f"{PASSWORD}\n{PASSWORD}\n").strip()
    assert "already" in accord("ada", "vault", "make", typed=f"{PASSWORD}\n{PASSWORD}\n", code=1)
    assert "no account of that name with that password" in accord(
        "new", "login", "ada", address, typed="else\n", code=1
    )
    accord("new", "login", "ada", address, typed=f"{PASSWORD}\n")
    assert (
        ProfileStore("default", tmp_path / "new").load().user_seed
        == ProfileStore("default", tmp_path / "ada").load().user_seed
    )
    assert "ada" in accord("new", "follow")
    accord("lost", "login", "Ada", address, "--recovery", typed=f"{code.lower()}\n")
    accord("lost", "send", "back again")
    assert "back again" in accord("new", "history")

    assert "not your password" in accord("ada", "vault", "password", typed="else\n\n\n", code=1)
    accord("ada", "vault", "password", typed=f"{PASSWORD}\n{OTHER}\n{OTHER}\n")
    assert "with that password" in accord("late", "login", "ada", address, typed=f"{PASSWORD}\n", code=1)
    accord("late", "login", "ada", address, "--recovery", typed=f"{code}\n")
    accord("new", "vault", "open", typed=f"{OTHER}\n")
    fresh = accord("new", "vault", "code", typed=f"{OTHER}\n").strip()
    assert "with that password" in accord("last", "login", "ada", address, "--recovery", typed=f"{code}\n", code=1)
    accord("last", "login", "ada", address, "--recovery", typed=f"{fresh}\n")
    assert "not your recovery code" in accord(
        "last", "vault", "password", "--recovery", typed=f"{code}\n{PASSWORD}\n{PASSWORD}\n", code=1
    )
    accord("last", "vault", "password", "--recovery", typed=f"{fresh}\n{PASSWORD}\n{PASSWORD}\n")
    accord("again", "login", "ada", address, typed=f"{PASSWORD}\n")
    assert not own.holds_bytes(PASSWORD.encode())


def test_two_people_talk_in_private(own: World, accord: Run, tmp_path: Path) -> None:
    accord("eve", "connections")  # each publishes a box key when first heard of
    accord("bob", "connections")
    assert "nothing was sent: bob is asked" in accord("eve", "send", "--to", "@bob", "a secret plan", code=1)
    assert accord("bob", "connections").split() == ["eve", "asks", "you"]
    assert "compare these words" in accord("bob", "connections", "accept", "eve")
    accord("eve", "send", "--to", "@bob", "a secret plan", "--burn", "3000")
    accord("bob", "send", "--to", "@eve", "agreed @eve")
    said = accord("bob", "history", "@eve")
    assert "a secret plan (burns in" in said
    assert "agreed @eve" in said
    assert "@bob bob: agreed @eve" in accord("eve", "search", "AGREED")
    accord("eve", "vault", "make", typed=f"{PASSWORD}\n{PASSWORD}\n")
    accord("eve", "connections")
    accord("eva", "login", "eve", f"{origin(own)}#{b64(own.key)}", typed=f"{PASSWORD}\n")
    assert "agreed @eve" in accord("eva", "history", "@bob")
    (window,) = windows(own, tmp_path / "eva")
    assert window["epoch"] == 1
    assert 0 <= window["created_at"] - window["win"] * window["window_ms"] < window["window_ms"]
    accord("eva", "send", "--to", "@bob", "from a new machine")
    assert "from a new machine" in accord("eve", "history", "@bob")
    assert [json.loads(line)["text"] for line in accord("eve", "export").splitlines()] == [
        "a secret plan",
        "from a new machine",
    ]
    assert accord("eve", "search", "nothing", "of", "it", code=1) == ""
    for word in (b"secret plan", b"agreed"):
        assert not own.holds_bytes(word)
        assert not any(word in path.read_bytes() for path in (tmp_path / "eve").iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "eve").iterdir())


def test_those_who_know_each_other_by_an_invite_are_accepted_unasked(accord: Run, tmp_path: Path) -> None:
    link = accord("ida", "invite", "--people", "1").split()[0]
    (tmp_path / "leo").mkdir(mode=0o700)
    accord("leo", "join", link, "--name", "leo")
    accord("ida", "connections")
    assert "asked, no answer yet" in accord("leo", "connections", "ask", "ida")
    assert accord("ida", "connections").split() == ["leo", "connected"]
    accord("ida", "send", "--to", "@leo", "welcome in")
    assert "welcome in" in accord("leo", "history", "@ida")
    for path in (tmp_path / "leo").glob("*.keys.sqlite3*"):
        path.unlink()  # the keys are lost
    assert "[encrypted]" in accord("leo", "history", "@ida")
    accord("leo", "connections", "ask", "ida")
    assert accord("ida", "connections").split() == ["leo", "connected"]
    accord("ida", "send", "--to", "@leo", "and again")
    assert "and again" in accord("leo", "history", "@ida")


def test_files_go_sealed_and_come_back(own: World, accord: Run, tmp_path: Path) -> None:
    photo, note = tmp_path / "our garden.jpg", tmp_path / "note.txt"
    photo.write_bytes(bytes(range(256)) * 6_000)  # two chunks
    note.write_text("where the beans stand", encoding="utf-8")
    accord("pam", "send", "--file", str(photo), "--file", str(note), "as I promised")
    assert "[file our garden.jpg, 1.5 MiB]" in accord("pam", "history")
    listed = accord("rob", "files")
    assert "pam: our garden.jpg, 1.5 MiB" in listed
    ident = listed.split()[-1]
    into = tmp_path / "got"
    into.mkdir()
    saved = accord("rob", "files", "--save", str(into), "--message", ident).split("\n")
    assert (into / "our garden.jpg").read_bytes() == photo.read_bytes()
    assert saved[1] == str(into / "note.txt")
    again = json.loads(accord("rob", "files", "--save", str(into), "--json").splitlines()[1])
    assert again["saved"] == str(into / "note (2).txt")
    assert "names the folder" in accord("rob", "files", "--save", str(into / "note.txt"), code=1)
    assert "no such file" in accord("rob", "files", "--message", "A" * 43, code=1)
    assert "cannot be read" in accord("pam", "send", "--file", str(tmp_path / "none"), "lost", code=1)
    assert not any(b"the beans stand" in path.read_bytes() for path in own.home.rglob("*") if path.is_file())

    accord("pam", "connections", "ask", "rob")
    accord("rob", "connections", "accept", "pam")
    accord("pam", "send", "--to", "@rob", "--burn", "3000", "--file", str(note))
    (blob,) = own.rows("SELECT burn_at FROM blobs_blob WHERE burn_at IS NOT NULL")
    assert [blob] == own.rows("SELECT MAX(burn_at) FROM messaging_message WHERE burn_at IS NOT NULL")
    assert accord("rob", "files", "@pam", "--save", str(tmp_path / "mine.txt")).strip() == str(tmp_path / "mine.txt")
    assert "is there already" in accord("rob", "files", "@pam", "--save", str(tmp_path / "mine.txt"), code=1)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "where the beans stand"


def test_a_space_and_who_was_put_out(own: World, accord: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    accord("zoe", "connections")
    accord("tom", "connections")
    accord("kim", "connections")
    accord("zoe", "spaces", "create", "Garden", "--channel", "beds")
    accord("zoe", "send", "--to", "garden #beds", "before anybody came")
    link = accord("zoe", "spaces", "invite", "Garden", "--uses", "1").strip()
    accord("tom", "spaces", "join", link)
    assert "used up" in accord("kim", "spaces", "join", link, code=1)
    assert "no key" in accord("tom", "send", "--to", "garden #beds", "too early", code=1)
    assert "new keys for 1" in accord("zoe", "spaces", "keys")
    accord("zoe", "members", "Garden", "add", "kim")
    assert "no channel" in accord("zoe", "spaces", "keys")
    accord("tom", "send", "--to", "garden #beds", "the beans are up")
    assert "the beans are up" in accord("kim", "history", "garden #beds")
    assert "before anybody" not in accord("tom", "history", "garden #beds")
    assert "can read what was said before" in accord("zoe", "members", "Garden", "history", "tom")
    assert "before anybody came" in accord("tom", "history", "garden #beds")
    assert "before anybody" not in accord("kim", "history", "garden #beds")
    assert "only an admin" in accord("tom", "members", "Garden", "history", "kim", code=1)
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "ROTATE_AFTER_MESSAGES", 1)
        assert "new keys for 1" in accord("zoe", "spaces", "keys")
        assert "no channel" in accord("zoe", "spaces", "keys")
        patch.setattr(rotation, "ROTATE_AFTER_MS", 0)
        assert "new keys for 1" in accord("zoe", "spaces", "keys")
    assert "admin" in accord("kim", "members", "Garden")
    accord("zoe", "members", "Garden", "remove", "kim")
    accord("zoe", "send", "--to", "garden #beds", "kim is gone")
    assert "kim is gone" in accord("tom", "history", "garden #beds")
    assert "kim is gone" not in accord("kim", "history", "garden #beds", code=1)
    assert "Garden" not in accord("kim", "spaces")
    accord("zoe", "channels", "create", "Garden", "quick", "--burn", "60")
    accord("tom", "send", "--to", "garden #quick", "soon gone")
    assert "soon gone (burns in" in accord("zoe", "history", "garden #quick")
    assert "gone after 60 s" in accord("tom", "channels")
    assert "only an admin" in accord("tom", "spaces", "rename", "Garden", "--name", "Tom's", code=1)
    accord("zoe", "spaces", "rename", "Garden", "--name", "Orchard")
    assert "Garden" not in accord("tom", "spaces")
    accord("tom", "spaces", "leave", "Orchard")
    assert not own.holds_bytes(b"beans are up")
    assert not own.holds_bytes(b"soon gone")
