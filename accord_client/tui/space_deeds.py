"""What the terminal UI does about spaces: making, joining, inviting, roles, channels, keys, history (protocol.md
section 7).

A part of the application: who draws and who opens conversations is app.py.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from accord.encoding import b64decode, b64encode
from accord.spaces import ADMIN
from accord.topics import Topic, parse_topic
from accord_client.terminal import clean_line
from accord_client.tui.dialogs import Page
from accord_client.tui.message_deeds import BURNING
from accord_client.tui.shell import Shell

INVITE_HOURS: Final = 72
INVITE_USES: Final = 10
DAY_MS: Final = 86_400_000
ADMINS_DEEDS: Final = (
    ("channel", "make a channel"),
    ("burning", "make a channel whose messages vanish after a day"),
    ("settings", "what the open channel is called, how long messages stay in it, closing it"),
    ("invite", f"a link for {INVITE_USES} people, for {INVITE_HOURS} hours"),
    ("role", "add, promote or remove somebody"),
    ("history", "let somebody read what was said before they came"),
    ("keys", "hand out new keys now"),
    ("rename", "another name"),
)

PersonDeed = Callable[[bytes], Coroutine[Any, Any, Any]]


class SpaceActions(Shell):
    """Deeds with spaces."""

    def action_space(self) -> None:
        """What can be done with spaces: make and join one, and with the space of the open channel."""
        if not self.is_ready:
            return
        choices = [("create", "Make a space"), ("join", "Join a space by its link")]
        place = self.desk.sealed.place(parse_topic(self.open)) if self.open is not None else None
        if place is not None:
            view = self.desk.sealed.view(place.space)
            name = clean_line(view.name)
            if view.members.get(self.desk.sealed.me) == ADMIN:
                choices += [(deed, f"{name}: {words}") for deed, words in ADMINS_DEEDS]
            choices.append(("leave", f"{name}: leave"))
        self.choose("Spaces", choices, lambda deed: self._space(deed, None if place is None else place.space))

    async def _space(self, deed: str, space: bytes | None) -> None:
        spaces = self.desk.spaces
        if deed == "create":
            self.ask("Name of the new space", self._create_space)
        elif deed == "join":
            self.ask("The link", self._join_space)
        elif space is None:
            return
        elif deed == "leave":
            await spaces.leave(space)
            self.say("you have left")
        else:
            await self._administer(deed, space)

    async def _administer(self, deed: str, space: bytes) -> None:
        spaces = self.desk.spaces
        if deed in ("channel", "burning"):
            burn_ms = DAY_MS if deed == "burning" else None
            self.ask("Name of the new channel", lambda name: self._add_channel(space, name, burn_ms))
        elif deed == "settings":
            self._choose_setting(parse_topic(self.open or ""))
        elif deed == "invite":
            link = await spaces.invite(space, hours=INVITE_HOURS, uses=INVITE_USES)
            self.push_screen(Page("A link into the space; whoever has it can join", link))
        elif deed == "keys":
            await spaces.keys.rotate_all(space, "age")
            self.say("new keys were handed out")
        elif deed == "role":
            self._choose_role(space)
        elif deed == "history":
            self._choose_person(space, lambda user: self._give_history(space, user), only_members=True)
        elif deed == "rename":
            view = self.desk.sealed.view(space)
            self.ask("What shall the space be called?", lambda name: self._rename(space, name), value=view.name)

    async def _create_space(self, name: str) -> None:
        space = await self.desk.spaces.create(name, ["general"])
        channel = next(iter(self.desk.sealed.view(space).channels))
        await self.open_talk(Topic("chan", channel).name)

    async def _join_space(self, link: str) -> None:
        space, is_here = await self.desk.spaces.join(link)
        if is_here:
            name = clean_line(self.desk.sealed.view(space).name)
            self.say(f"you are in {name}; keys come from a device of its admins")
        else:
            self.say("your hub has brought your join to the hub of that space, which comes from there within minutes")

    async def _add_channel(self, space: bytes, name: str, burn_ms: int | None) -> None:
        topic = await self.desk.spaces.add_channel(space, name, burn_ms=burn_ms)
        await self.open_talk(topic.name)

    async def _rename(self, space: bytes, name: str) -> None:
        await self.desk.spaces.rename(space, name=name)

    async def _give_history(self, space: bytes, user: bytes) -> None:
        given = await self.desk.spaces.keys.give_all_history(space, user)
        self.say("they can read what was said before" if given else "nothing was said before that this device can open")

    def _choose_setting(self, topic: Topic) -> None:
        """What can be otherwise in the open channel."""
        place = self.desk.sealed.place(topic)
        if place is None:
            return
        channel, spaces = place.channel, self.desk.spaces
        end = ("open", "Let people write here again") if channel.closed else ("close", "Let nobody write here any more")

        async def chosen(setting: str) -> None:
            if setting == "name":
                title = "What shall the channel be called?"
                self.ask(title, lambda name: spaces.change_channel(topic, name=name), value=channel.name)
            elif setting == "about":
                self.ask(
                    "What is it for?", lambda about: spaces.change_channel(topic, about=about), value=channel.about
                )
            elif setting in ("open", "close"):
                await spaces.change_channel(topic, closed=setting == "close")
            else:
                await spaces.change_channel(topic, burn_ms=int(setting) * 1000 if setting != "stay" else None)

        vanish = [(seconds, f"What is said from now on vanishes after {words}") for seconds, words in BURNING]
        choices = [("name", "Another name"), ("about", "What it is for"), end, *vanish, ("stay", "What is said stays")]
        self.choose(clean_line(channel.name), choices, chosen)

    def _choose_person(self, space: bytes, then: PersonDeed, *, only_members: bool = False) -> None:
        members = self.desk.sealed.view(space).members
        people = [
            (b64encode(key), f"{clean_line(name)}  {members.get(key, '')}")
            for name, key in self.desk.people()
            if key in members or not only_members
        ]
        people.sort(key=lambda item: item[1])

        async def chosen(person: str) -> None:
            await then(b64decode(person, 32))

        self.choose("Who?", people, chosen)

    def _choose_role(self, space: bytes) -> None:
        async def chosen(user: bytes) -> None:
            roles = [("member", "Member"), ("admin", "Admin"), ("none", "Not in the space")]

            async def give(role: str) -> None:
                await self.desk.spaces.set_role(space, user, role)
                self.say("done, and new keys were handed out")

            self.choose("What shall they be?", roles, give)

        self._choose_person(space, chosen)
