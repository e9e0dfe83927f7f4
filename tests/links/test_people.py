"""A member of one hub and a member of another, neither with an account on the other, write to each other."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.plain_client import Connection, Json, Key, b64, id_of, message, text
from tests.links.pair import Hub, Pair, pair, until


def inbox(hub: Hub, user: Key) -> list[str]:
    """Ids in a user's inbox on a hub's disk."""
    rows = hub.rows(
        "SELECT m.ident FROM messaging_message m JOIN messaging_topic t ON t.id = m.topic_id "
        "WHERE t.kind = 'user' AND t.ident = ? ORDER BY m.cursor",
        user.public,
    )
    return [b64(ident) for (ident,) in rows]


async def introduce(session: Connection, user: Key, name: str) -> None:
    await session.store(message(user, "profile", "feed", {"display_name": name}))


async def meet(both: Pair) -> tuple[Key, Key, Connection, Connection]:
    """Ann of far, Bob of near, each with a session and a profile, their hubs linked and blessed."""
    ann, bob = await both.far.world.member(), await both.near.world.member()
    await both.link()
    await both.equal()
    at_far, at_near = await both.far.bless(ann, both.near), await both.near.bless(bob, both.far)
    await introduce(at_far, ann, "Ann")
    await introduce(at_near, bob, "Bob")
    for hub, key in ((both.near, ann), (both.far, bob)):
        await until(lambda hub=hub, key=key: knows(hub, key), "each hub knows the other's member")
    return ann, bob, at_far, at_near


def knows(hub: Hub, user: Key) -> bool:
    """Whether a hub has somebody's profile and knows a hub that serves them."""
    blessed = hub.rows(
        "SELECT 1 FROM peers_blessing b JOIN peers_user u ON u.id = b.user_id WHERE u.key = ? AND b.hub <> ?",
        user.public,
        hub.world.key,
    )
    feed = hub.rows("SELECT 1 FROM messaging_topic WHERE kind = 'feed' AND ident = ? AND count > 0", user.public)
    return bool(blessed and feed)


async def write(session: Connection, sender: Key, to: Key, words: str) -> Json:
    letter = text(sender, f"user:{to.text}", words)
    await session.store(letter)
    return letter


async def test_they_write_and_answer_also_while_a_hub_is_off(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob, at_far, at_near = await meet(both)
        await at_near.subscribe(topics=[f"user:{bob.text}"])
        await at_far.subscribe(topics=[f"user:{ann.text}"])
        hello = await write(at_far, ann, bob, "hello")
        await at_near.until_delivered(hello)
        answer = await write(at_near, bob, ann, "hello yourself")
        await at_far.until_delivered(answer)
        await until(lambda: parcels(both.far) + parcels(both.near) == 0, "nothing waits any more")

        # Near is killed; what Ann writes meanwhile waits for it.
        await at_near.leave()
        await both.near.kill()
        missed = [await write(at_far, ann, bob, f"are you there? {number}") for number in range(3)]
        assert parcels(both.far) == 3
        await both.near.start()
        await until(lambda: len(inbox(both.near, bob)) == 4, "what was missed has come")
        assert inbox(both.near, bob) == [id_of(letter) for letter in (hello, *missed)]
        await until(lambda: parcels(both.far) == 0, "nothing waits any more")

        # Far is killed; Bob's answer waits here, and is delivered once.
        await at_far.leave()
        await both.far.kill()
        async with await both.near.world.connect(bob) as session:
            late = await write(session, bob, ann, "now I am")
        assert parcels(both.near) == 1
        await both.far.start()
        both.proxy.target = both.far.process.port
        await both.ask_near()
        await until(lambda: id_of(late) in inbox(both.far, ann), "the late answer has come")
        assert inbox(both.far, ann) == [id_of(answer), id_of(late)]


def parcels(hub: Hub) -> int:
    return int(hub.rows("SELECT count(*) FROM links_parcel")[0][0])
