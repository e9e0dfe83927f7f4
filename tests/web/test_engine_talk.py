"""The engine of the web client: joining, talking, what is unread, who is there."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.e2e.plain_client import Json, id_of, message, now_ms, ref
from tests.e2e.world import World
from tests.hubs import HubProcess, run_command
from tests.web.conftest import OpenContext, Problems
from tests.web.engine import NETWORK, Browsing, Refused
from tests.web.person import invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

HOUR_MS = 3600 * 1000


def _name(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


async def _pair(hub: HubProcess, open_context: OpenContext) -> tuple[Browsing, Browsing]:
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    bob = await Browsing.join(await open_context(), hub, _name("bob"))
    return ada, bob


async def test_an_invite_is_looked_at_and_claimed_once(hub: HubProcess, open_context: OpenContext) -> None:
    link, name = invite(hub), _name("Ada")
    ada = await Browsing.open(await open_context(), hub.url)
    assert await ada.state("phase") == "outside"
    looked = await ada.call("join.check", link=link)
    assert looked["isHere"]
    assert looked["status"] == "waiting"
    assert looked["hub"]["key"] == hub.key
    await ada.call("join.claim", link=link, name=name)
    await ada.enter()
    me = await ada.state("me")
    assert (me["name"], me["displayName"]) == (name.lower(), name)

    late = await Browsing.open(await open_context(), hub.url)
    assert (await late.call("join.check", link=link))["status"] == "used"
    for wrong_link, wrong_name, code in [
        (link, "somebody", "used_invite"),
        (link[:-3], "somebody", "bad_link"),
        (link.replace("http://", "https://other."), "somebody", "bad_link"),
        (invite(hub), name, "conflict"),
        (invite(hub), "a b", "bad_request"),
    ]:
        with pytest.raises(Refused) as refused:
            await late.call("join.claim", link=wrong_link, name=wrong_name)
        assert refused.value.code == code
        assert refused.value.detail.endswith(".")
    assert await late.state("phase") == "outside"


async def test_a_name_that_was_taken_leaves_the_invite_good(hub: HubProcess, open_context: OpenContext) -> None:
    taken, link = _name("taken"), invite(hub)
    await Browsing.join(await open_context(), hub, taken)
    late = await Browsing.open(await open_context(), hub.url)
    with pytest.raises(Refused, match="conflict"):
        await late.call("join.claim", link=link, name=taken)
    await late.call("join.claim", link=link, name=f"{taken}-2")
    await late.enter()
    assert await late.state("me.name") == f"{taken}-2"


async def test_messages_and_what_is_done_to_them(hub: HubProcess, open_context: OpenContext) -> None:
    ada, bob = await _pair(hub, open_context)
    asked = await ada.say("who has the minutes?")
    heard = await bob.sees("who has the minutes?")
    assert heard["id"] == asked
    assert not heard["isOwn"]
    assert not heard["canEdit"]
    assert not heard["canDelete"]
    assert not heard["canPin"]
    own = await ada.sees("who has the minutes?")
    assert own["isOwn"]
    assert own["canEdit"]
    assert own["canDelete"]

    await bob.call("message.send", conversation=bob.lounge, text="I do", replyTo=asked, mentions=[ada.key])
    answer = await ada.sees("I do")
    assert answer["replyTo"] == {
        "id": asked,
        "author": ada.key,
        "authorName": await ada.state("me.displayName"),
        "text": "who has the minutes?",
    }
    assert answer["mentionsMe"]
    assert answer["mentions"] == [ada.key]

    await ada.call("message.edit", conversation=ada.lounge, id=asked, text="who has the papers?", mentions=[])
    edited = await bob.item_until(asked, "item.editedAt > 0")
    assert edited["text"] == "who has the papers?"
    await bob.item_until(answer["id"], "item.replyTo.text === 'who has the papers?'")

    for on, by in [(True, [bob.key]), (False, []), (True, [bob.key])]:
        await bob.call("message.react", conversation=bob.lounge, id=asked, emoji="👍", on=on)
        found = await ada.item_until(asked, f"JSON.stringify(item.reactions.flatMap((r) => r.by)) === '{_json(by)}'")
        assert [reaction["isMine"] for reaction in found["reactions"]] == [False] * len(by)
    await ada.call("message.react", conversation=ada.lounge, id=asked, emoji="👍", on=True)
    both = await bob.item_until(asked, "item.reactions[0]?.by.length === 2")
    assert both["reactions"] == [{"emoji": "👍", "by": [bob.key, ada.key], "isMine": True}]

    await ada.call("message.delete", conversation=ada.lounge, id=asked)
    deleted = await bob.item_until(asked, "item.isDeleted")
    assert deleted["text"] == ""
    assert deleted["reactions"] == []
    assert deleted["deletedAt"] > 0
    await bob.item_until(answer["id"], "item.replyTo.text === null")

    await bob.reload()
    await bob.enter()
    assert (await bob.item(asked))["isDeleted"]
    assert (await bob.item(answer["id"]))["text"] == "I do"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


async def test_only_the_admin_pins_and_deletes_what_others_wrote(hub: HubProcess, open_context: OpenContext) -> None:
    ada, bob = await _pair(hub, open_context)
    world = World.of(hub.home, hub)
    ident = await ada.say("read this first")
    await bob.sees("read this first")
    stored = [{"rel": "pin", "id": ident}]
    async with await world.connect(world.admin) as session:
        await session.store(message(world.admin, "chat.pin", ada.lounge, {}, refs=stored))
        assert (await bob.item_until(ident, "item.isPinned"))["canPin"] is False
        assert [item["id"] for item in await bob.call("conversation.pins", conversation=bob.lounge)] == [ident]
        await session.store(message(world.admin, "chat.pin", ada.lounge, {"off": True}, refs=stored))
        await bob.item_until(ident, "!item.isPinned")
        await session.store(message(world.admin, "chat.delete", ada.lounge, {}, refs=[{"rel": "delete", "id": ident}]))
    assert (await bob.item_until(ident, "item.isDeleted"))["deletedAt"] > 0


async def test_a_direct_conversation(hub: HubProcess, open_context: OpenContext) -> None:
    ada, bob = await _pair(hub, open_context)
    await ada.connect(bob)
    opened = (await ada.call("direct.open", key=bob.key))["conversation"]
    assert opened == f"direct:{bob.key}"
    await ada.watch(opened)
    first = await ada.say("between us", opened)
    there = f"direct:{ada.key}"
    await bob.until(f"client.state.conversations[{there!r}]?.unread === 1")
    await bob.until("notices.length === 1")
    notice = (await bob.page.evaluate("notices"))[0]
    assert (notice["conversation"], notice["item"]["text"]) == (there, "between us")

    await bob.watch(there)
    assert (await bob.sees("between us"))["canDelete"] is False
    assert await bob.page.evaluate("timeline.firstUnread") == first
    await bob.call("conversation.read", conversation=there, id=first)
    await bob.until(f"client.state.conversations[{there!r}].unread === 0")
    await bob.call("message.send", conversation=there, text="yes", replyTo=first, mentions=[])
    answer = await ada.sees("yes")
    assert answer["replyTo"]["text"] == "between us"

    await bob.call("message.react", conversation=there, id=first, emoji="🎉", on=True)
    await ada.item_until(first, f"item.reactions[0]?.by[0] === {bob.key!r}")
    await ada.call("message.react", conversation=opened, id=answer["id"], emoji="🎉", on=True)
    await bob.item_until(answer["id"], f"item.reactions[0]?.by[0] === {ada.key!r}")
    await ada.call("message.edit", conversation=opened, id=first, text="only between us", mentions=[])
    await bob.sees("only between us")

    for tab, conversation in ((ada, opened), (bob, there)):
        await tab.reload()
        await tab.online()
        await tab.watch(conversation)
        assert await tab.texts() == ["only between us", "yes"]
        reactions = await tab.page.evaluate("timeline.items.map((item) => item.reactions.map(({ by }) => by))")
        assert reactions == [[[bob.key]], [[ada.key]]]


async def test_what_is_unread_and_mentions_outlive_the_tab(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    context = await open_context()
    bob = await Browsing.join(context, hub, _name("bob"))
    assert (await bob.conversation(bob.lounge))["unread"] == 0
    await bob.page.evaluate("timeline.close()")
    await ada.say("one")
    await ada.call("message.send", conversation=ada.lounge, text="two, for you", mentions=[bob.key])
    unread = f"client.state.conversations[{bob.lounge!r}].unread"
    await bob.until(f"{unread} === 2 && client.state.mentionsUnread === 1")
    await bob.until("notices.length === 1")
    await bob.page.close()

    ident = await ada.say("three, while nobody looks")
    bob = await Browsing.open(context, hub.url)
    await bob.online()
    bob.lounge = ada.lounge
    await bob.until(f"{unread.replace(bob.lounge, ada.lounge)} === 3")
    conversation = await bob.conversation(ada.lounge)
    assert (conversation["unread"], conversation["mentions"]) == (3, 1)
    listed = await bob.call("mentions.list")
    assert [item["text"] for item in listed["items"]] == ["two, for you"]
    assert listed["items"][0]["conversation"] == ada.lounge
    await bob.call("mentions.read")
    await bob.until("client.state.mentionsUnread === 0")
    await bob.watch(ada.lounge)
    assert (await bob.page.evaluate("timeline.items.find(({ id }) => id === timeline.firstUnread).text")) == "one"
    await bob.call("conversation.read", conversation=ada.lounge, id=ident)
    await bob.until(f"{unread} === 0")
    await bob.call("conversation.draft", conversation=ada.lounge, text="half a thought", replyTo=ident)
    await bob.reload()
    await bob.online()
    conversation = await bob.conversation(ada.lounge)
    assert (conversation["unread"], conversation["draft"], conversation["replyTo"]) == (0, "half a thought", ident)


async def test_what_comes_late_is_unread_until_the_conversation_is_read(
    hub: HubProcess, open_context: OpenContext
) -> None:
    """Late: dated before what was read, because its author or a hub on its way was offline."""
    world = World.of(hub.home, hub)
    topic = await world.channel()
    (writer,) = await world.add_members(1)

    def words(text: str, age_ms: int, **fields: Any) -> Json:
        return message(writer, "chat.text", topic, {"text": text}, created_at=now_ms() - age_ms, **fields)

    async with await world.connect(writer) as session:
        await session.store(words("before anybody joined", HOUR_MS))
        context = await open_context()
        ada = await Browsing.join(context, hub, _name("ada"))
        unread = f"client.state.conversations[{topic!r}].unread"
        await ada.watch(topic)
        newest = await ada.say("I have read all", topic)
        await ada.item_until(newest, "item.state === 'sent'")
        await ada.call("conversation.read", conversation=topic, id=newest)
        assert (await ada.conversation(topic))["unread"] == 0

        await session.store(words("years ago", 8 * 24 * HOUR_MS))
        late = words("an hour late", HOUR_MS, attention_keys=[ada.key])
        await session.store(late)
        await ada.until(f"{unread} === 1 && client.state.mentionsUnread === 1")
        await ada.page.close()
        await session.store(words("later still", HOUR_MS // 2))
    ada = await Browsing.open(context, hub.url)
    await ada.online()
    await ada.until(f"{unread} === 2")
    await ada.watch(topic)
    assert await ada.texts() == [
        "years ago", "before anybody joined", "an hour late", "later still", "I have read all",
    ]  # fmt: skip
    assert await ada.page.evaluate("timeline.firstUnread") == id_of(late)
    await ada.call("conversation.read", conversation=topic, id=newest)
    await ada.until(f"{unread} === 0")
    await ada.reload()
    await ada.online()
    conversation = await ada.conversation(topic)
    assert (conversation["unread"], conversation["mentions"]) == (0, 0)


async def test_two_tabs_share_one_connection_and_one_state(own_hub: HubProcess, open_context: OpenContext) -> None:
    context = await open_context()
    first = await Browsing.join(context, own_hub, "ada")
    second = await Browsing.open(context, own_hub.url)
    await second.enter()
    assert second.key == first.key
    await first.say("from the first")
    await second.sees("from the first")
    status = json.loads(run_command(own_hub.home, "status", "--json").stdout)
    assert status["sockets"] == 1
    await first.page.close()
    await second.say("the first has gone")
    await second.sees("the first has gone")


async def test_who_is_there_and_who_types(hub: HubProcess, open_context: OpenContext) -> None:
    ada, bob = await _pair(hub, open_context)
    for tab, other in ((ada, bob), (bob, ada)):
        await tab.until(f"client.state.people[{other.key!r}]?.presence === 'online'")
    await bob.call("presence.set", state="away")
    await ada.until(f"client.state.people[{bob.key!r}].presence === 'away'")
    await bob.call("conversation.typing", conversation=bob.lounge)
    await ada.until(f"client.state.typing[{ada.lounge!r}]?.[0] === {bob.key!r}")
    await bob.say("typed")
    await ada.until(f"client.state.typing[{ada.lounge!r}] === undefined")
    opened = (await bob.call("direct.open", key=ada.key))["conversation"]
    await bob.call("conversation.typing", conversation=opened)
    await ada.until(f"client.state.typing['direct:{bob.key}']?.[0] === {bob.key!r}")


async def test_profiles(hub: HubProcess, open_context: OpenContext) -> None:
    ada, bob = await _pair(hub, open_context)
    await ada.say("under my old name")
    await bob.sees("under my old name")
    await ada.call("profile.set", displayName="Ada L.", about="numbers", status="counting")
    await bob.until(f"client.state.people[{ada.key!r}].displayName === 'Ada L.'")
    person = await bob.state(f"people[{ada.key!r}]")
    assert (person["about"], person["status"]) == ("numbers", "counting")
    await bob.until("timeline.items.find(({ text }) => text === 'under my old name').authorName === 'Ada L.'")
    late = await Browsing.join(await open_context(), hub, _name("late"))
    await late.until(f"client.state.people[{ada.key!r}]?.displayName === 'Ada L.'")


async def test_invites_of_a_member(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), hub, _name("ada"), invites=3)
    made = await ada.call("invites.create", label="for Bob", invites=1)
    listed = await ada.call("invites.list")
    assert listed["left"] == 1
    (item,) = listed["invites"]
    assert (item["label"], item["link"], item["status"]) == ("for Bob", made["link"], "waiting")

    bob = await Browsing.open(await open_context(), hub.url)
    await bob.call("join.claim", link=made["link"], name=_name("bob"))
    await bob.enter()
    (item,) = (await ada.call("invites.list"))["invites"]
    assert (item["status"], item["joined"], item["link"]) == ("claimed", [bob.key], None)

    other = await ada.call("invites.create", label="", invites=0)
    await ada.call("invites.withdraw", key=other["key"])
    listed = await ada.call("invites.list")
    assert listed["left"] == 1
    assert {item["status"] for item in listed["invites"]} == {"claimed", "withdrawn"}
    late = await Browsing.open(await open_context(), hub.url)
    assert (await late.call("join.check", link=other["link"]))["status"] == "withdrawn"
    with pytest.raises(Refused, match="quota"):
        await ada.call("invites.create", label="", invites=5)


async def test_a_member_opens_no_channel(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    with pytest.raises(Refused, match="denied"):
        await ada.call("channel.create", name="mine", about="")
    world = World.of(hub.home, hub)
    topic = await world.channel()
    await ada.until(f"client.state.conversations[{topic!r}] !== undefined")
    await ada.watch(topic)
    ident = await ada.say("the first here", topic)
    details = await ada.item_until(ident, "item.state === 'sent'")
    details = await ada.call("message.details", conversation=topic, id=ident)
    assert (details["id"], details["author"], details["type"]) == (ident, ada.key, "chat.text")
    assert details["cursor"] > 0
    assert details["header"]["to"] == topic


async def test_an_old_answer_quotes_what_is_not_loaded(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    topic = await world.channel()
    (writer,) = await world.add_members(1)
    old = message(writer, "chat.text", topic, {"text": "long ago"}, created_at=1_700_000_000_000)
    many = [message(writer, "chat.text", topic, {"text": f"text {number}"}) for number in range(250)]
    reply = message(writer, "chat.text", topic, {"text": "about that"}, attention_messages=[id_of(old)])
    async with await world.connect(writer) as session:
        for start in range(0, 250, 100):
            await session.store(*many[start : start + 100])
        await session.store(old, reply)
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    await ada.watch(topic)
    found = await ada.item_until(id_of(reply), "item.replyTo.text !== null")
    assert found["replyTo"]["text"] == "long ago"
    assert await ada.page.evaluate("timeline.hasOlder")
    assert await ada.page.evaluate("(id) => timeline.seek(id)", id_of(old)) == 0
    assert len(await ada.texts()) == 252
    assert not await ada.page.evaluate("timeline.hasOlder")
    assert await ada.page.evaluate("timeline.seek('A'.repeat(43))") == -1


async def test_late_messages_come_in_at_their_place(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    topic = await world.channel()
    (writer,) = await world.add_members(1)
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    await ada.watch(topic)
    start = 1_750_000_000_000
    words = {at: message(writer, "chat.text", topic, {"text": str(at)}, created_at=start + at) for at in range(8)}
    edit = message(writer, "chat.edit", topic, {"text": "five"}, created_at=start + 20, refs=ref("edit", words[5]))
    async with await world.connect(writer) as session:
        await session.store(words[6], edit, words[2])
        await ada.sees("6")
        await session.store(words[4], words[0], words[7], words[5])
        await ada.sees("five")
        await session.store(words[3], words[1])
        await ada.sees("1")
    assert await ada.texts() == ["0", "1", "2", "3", "4", "five", "6", "7"]


async def test_forgetting_the_account(hub: HubProcess, open_context: OpenContext, problems: Problems) -> None:
    problems.expect(NETWORK)
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    await ada.call("account.forget")
    await ada.until("client.state.phase === 'outside'")
    assert await ada.state("conversations") == {}
    with pytest.raises(Refused, match="not_member"):
        await ada.say("nobody's words")
    await ada.reload()
    assert await ada.state("phase") == "outside"
    await ada.call("join.claim", link=invite(hub), name=_name("again"))
    await ada.enter()
