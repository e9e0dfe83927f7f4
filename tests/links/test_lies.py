"""A hub that lies: it names roots that nothing has, and delivers what nobody has signed."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from accord.encoding import b64encode
from accord.keys import SigningKey
from accord.statements import make_statement
from tests.accord_client.fake_hub import FakeHub, Session, now_ms
from tests.e2e.plain_client import Key, b64, id_of, text
from tests.links.pair import Hub, one_hub, until


class LyingHub(FakeHub):
    """Says that it differs in every feed, and never agrees."""

    def __init__(self) -> None:
        super().__init__()
        self.said = 0
        self.errors: list[str] = []
        self.forged: list[dict[str, Any]] = []

    async def _on_serve(self, session: Session, frame: dict[str, Any]) -> None:
        await session.send(type="served", ref=frame["ref"], users=[])
        admin = make_statement(self.key, type="set_admin", at=now_ms(), user=b64encode(SigningKey.generate().public))
        await session.send(type="serve", ref=1 << 41, certs=[], hubs=[{"name": "liar", "admin": admin}])

    async def _on_served(self, session: Session, frame: dict[str, Any]) -> None:
        if self.forged:
            rows = [{"cursor": number, "message": envelope} for number, envelope in enumerate(self.forged, 1)]
            await session.send(type="deliver", messages=rows)

    async def _on_current(self, session: Session, frame: dict[str, Any]) -> None:
        topics = [
            {"topic": f"feed:{b64encode(key)}", "root": b64(secrets.token_bytes(32)), "horizon": 0}
            for key in sorted(self.accounts)
        ]
        topics.sort(key=lambda row: str(row["topic"]))
        await session.send(type="current", ref=frame["ref"], at=frame["at"], topics=topics, more=False)

    async def _on_nodes(self, session: Session, frame: dict[str, Any]) -> None:
        self.said += 1
        entries = [{"level": 8, "bucket": 0, "mask": 3, "hashes": b64(secrets.token_bytes(32))}]
        await session.send(type="nodes", ref=frame["ref"], topic=frame["topic"], entries=entries)

    async def _on_error(self, session: Session, frame: dict[str, Any]) -> None:
        self.errors.append(frame["code"])

    async def _on_done(self, session: Session, frame: dict[str, Any]) -> None:
        pass


def history(near: Hub) -> list[tuple[Any, ...]]:
    return near.rows("SELECT outcome, code, received FROM links_exchange")


async def test_a_liar_is_cut_off_with_a_reason_and_the_hub_lives_on(tmp_path: Path) -> None:
    liar = LyingHub()
    async with one_hub(tmp_path / "near") as near, liar.running():
        stranger = Key()
        forged = text(stranger, "feed", "signed by somebody else")
        forged["sig"] = b64(bytes(64))
        honest = text(stranger, "feed", "in my own feed")
        liar.forged = [forged, honest, {"header": "none"}]
        await near.run("link", "--all", str(liar.invite()))
        await until(lambda: history(near), "the comparison has ended")
        assert history(near)[0][0] in ("cut", "unequal")
        assert history(near)[0][2] == 0
        assert liar.said <= 12, "it may answer twelve times"
        await until(lambda: near.world.stored(id_of(honest)), "what is well signed has come")
        assert near.world.stored(id_of(forged)) is None
        (state,) = near.rows("SELECT state, code FROM links_link")
        assert state[0] == "unequal"
        member = await near.world.member()
        async with await near.world.connect(member) as session:
            await session.store(text(member, "feed", "still here"))
