"""The operator's commands about links, with and without a running hub."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

from tests.hubs import migrated_home, run_command
from tests.links.pair import one_hub, pair, until


def run(home: Path, *arguments: str) -> tuple[int, str]:
    """Exit code, and what was printed; a sentence where it failed."""
    done = run_command(home, *arguments)
    return done.returncode, (done.stdout + done.stderr).strip()


async def test_a_link_is_made_shown_and_ended_while_no_hub_runs(tmp_path: Path) -> None:
    near = tmp_path / "near"
    shutil.copytree(migrated_home(), near)
    async with one_hub(tmp_path / "far") as far:
        invite = far.world.invite()
        code, told = run(near, "link", invite[:-1])
        assert (code, "copy it whole" in told) == (1, True), told
        code, told = run(near, "link", invite, "--json")
        assert code == 0, told
        row = json.loads(told)
        assert (row["hub"], row["state"], row["all"]) == (far.process.key, "new", False)
        assert row["origin"] == far.process.url
        # The invite is used up; the account is there, so the same link again changes what is carried.
        code, told = run(near, "link", invite, "--all", "--json")
        assert (code, json.loads(told)["all"]) == (0, True)
        code, told = run(near, "links")
        assert "this hub does not run (not dialled yet when it did)" in told
        other = tmp_path / "other"
        shutil.copytree(migrated_home(), other)
        code, told = run(other, "link", invite)
        assert (code, "used or has expired" in told) == (1, True), told
    code, told = run(near, "unlink", row["hub"][:8])
    assert code == 0, told
    assert json.loads(run(near, "links", "--json")[1]) == {"running": False, "links": []}
    with socket.socket() as silent:  # a port that nobody else can take, and where nobody answers
        silent.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code, told = run(near, "link", invite.replace(far.process.url, origin))
    assert (code, "cannot be reached" in told) == (1, True), told


async def test_hubs_that_dial_each_other_keep_one_session(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        await both.link()
        await both.equal()
        await both.far.run("link", both.near.world.invite())

        def sockets() -> list[Any]:
            return [hub.rows("SELECT sum(sockets) FROM peers_process")[0][0] for hub in (both.far, both.near)]

        def states() -> set[str]:
            return {both.state(hub)[0] for hub in (both.far, both.near)}

        await until(lambda: sum(sockets()) == 1 and states() == {"equal"}, "one session, and both are equal")
        # The side that does not dial can ask for a comparison too.
        before = len(both.exchanges())
        for hub in (both.far, both.near):
            await both.ask(hub)
        await until(lambda: len(both.exchanges()) > before, "a comparison was asked for")
        assert sum(sockets()) == 1
