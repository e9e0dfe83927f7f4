"""What the terminal UI does about what is private: asking and answering people, spaces, search (protocol.md section 7).

A part of the application: who draws and who opens conversations is app.py.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.app import App

from accord.encoding import b64encode
from accord.messages import Message
from accord.spaces import ADMIN
from accord.topics import Topic, parse_topic
from accord.words import key_words
from accord_client.desk import Desk
from accord_client.profile import Profile
from accord_client.render import clock_time
from accord_client.session import now_ms
from accord_client.terminal import clean_line
from accord_client.tui.dialogs import Page

INVITE_HOURS = 72
INVITE_USES = 10
MAX_HIT_CHARS = 120

Then = Callable[[str], Coroutine[Any, Any, Any]]


class PrivateActions(App[None]):
    """Deeds with people and spaces."""

    profile: Profile
    open: str | None

    @property
    def desk(self) -> Desk:
        """The conversations; there must be some by now."""
        raise NotImplementedError

    @property
    def is_ready(self) -> bool:
        """Whether there is a desk."""
        raise NotImplementedError

    def say(self, sentence: str) -> None:
        """Tell the person."""
        raise NotImplementedError

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that may fail with a sentence for the person."""
        raise NotImplementedError

    def choose(self, title: str, choices: list[tuple[str, str]], then: Then) -> None:
        """Have one of (id, label) chosen."""
        raise NotImplementedError

    def ask(self, title: str, then: Then) -> None:
        """Ask for a line."""
        raise NotImplementedError

    async def open_talk(self, name: str) -> None:
        """Show a conversation."""
        raise NotImplementedError

    async def send(self, name: str, text: str, reply_to: Message | None, editing: Message | None) -> None:
        """Send what was composed."""
        raise NotImplementedError

    # --------------------------------------------------------------------------------------------------------- people

    async def say_or_ask(self, name: str, text: str, reply_to: Message | None, editing: Message | None) -> None:
        """Send; to a person who has keys, but with whom nothing is sealed yet, only when one has chosen how."""
        if editing is not None or not await self.desk.must_ask(name):
            await self.send(name, text, reply_to, editing)
            return
        who = clean_line(self.desk.label(self.desk.talks[name]))
        state = self.desk.sealed.connection(self.desk.talks[name].topic.ident).state
        begin = {"asked": f"Accept the private conversation that {who} asks for, then send", "asking": ""}.get(
            state, f"Ask {who} for a private conversation; the text stays here until then"
        )
        wait = [("ask", begin)] if begin else [("", "Wait for the answer; the text stays here until then")]

        async def chosen(way: str) -> None:
            if way == "ask" and await self.desk.ask(name) != "connected":
                self.say(f"{who} was asked; what you wrote waits in the composer")
            elif way:
                await self.send(name, text, reply_to, None)

        self.choose(
            f"Nothing is encrypted with {who} yet", [*wait, ("open", "Send openly: this hub can read it")], chosen
        )

    def action_private(self) -> None:
        """Private conversations: those that wait for an answer, and with the person whose conversation is open."""
        if not self.is_ready:
            return
        choices = []
        for other, connection in sorted(self.desk.sealed.connections().items()):
            if connection.state == "asked":
                name, who = Topic("user", other).name, clean_line(self.desk.directory.name_of(other))
                choices += [(f"accept {name}", f"Accept: {who} asks for a private conversation")]
                choices += [(f"decline {name}", f"Decline what {who} asks")]
        if self.open is not None and self.open.startswith("user:"):
            talk = self.desk.talks[self.open]
            who, state = clean_line(self.desk.label(talk)), self.desk.sealed.connection(talk.topic.ident).state
            if state in ("none", "declined"):
                choices.append((f"ask {talk.name}", f"Ask {who} for a private conversation"))
            choices.append((f"words {talk.name}", f"Compare keys with {who}"))
        if choices:
            self.choose("Private conversations", choices, self._answer_ask)
        else:
            self.say("nobody waits for an answer; open a conversation with a person to ask them")

    async def _answer_ask(self, choice: str) -> None:
        deed, name = choice.split(" ")
        if deed == "decline":
            await self.desk.decline(name)
        elif deed == "words":
            self._show_words(name)
        else:
            await self.desk.ask(name)
            await self.open_talk(name)

    def _show_words(self, name: str) -> None:
        key, mine = self.desk.talks[name].topic.ident, self.desk.client.profile.user.public
        who = clean_line(self.desk.directory.name_of(key))
        known = "You have compared it." if key in self.profile.verified else f"Run `accord verify {who}` to keep that."
        words = "  ".join(key_words(mine, key))
        self.push_screen(
            Page(f"You and {who}", f"{words}\n\nThey see the same words if nobody stands between you. {known}")
        )

    # --------------------------------------------------------------------------------------------------------- search

    def action_search(self) -> None:
        if self.is_ready:
            self.ask("Search for all these words", self._search)

    async def _search(self, words: str) -> None:
        found = self.desk.search(words)
        if not found:
            self.say("nothing was found among what was read on this computer")
            return
        now = now_ms()
        choices = []
        for number, item in enumerate(found):
            who = clean_line(self.desk.directory.name_of(item.author))
            where = clean_line(self.desk.directory.label(parse_topic(self.desk.talk_of(item))))
            text = clean_line(item.text)[:MAX_HIT_CHARS]
            choices.append((str(number), f"{clock_time(item.created_at, now)} {where} {who}: {text}"))
        self.choose(f"{len(found)} found", choices, lambda hit: self.open_talk(self.desk.talk_of(found[int(hit)])))

    # --------------------------------------------------------------------------------------------------------- spaces

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
                choices += [
                    ("channel", f"{name}: make a channel"),
                    ("burning", f"{name}: make a channel whose messages vanish after a day"),
                    ("invite", f"{name}: a link for {INVITE_USES} people, for {INVITE_HOURS} hours"),
                    ("role", f"{name}: add, promote or remove somebody"),
                    ("keys", f"{name}: hand out new keys now"),
                ]
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
        elif deed in ("channel", "burning"):
            burn_ms = 86_400_000 if deed == "burning" else None
            self.ask("Name of the new channel", lambda name: self._add_channel(space, name, burn_ms))
        elif deed == "invite":
            link = await spaces.invite(space, hours=INVITE_HOURS, uses=INVITE_USES)
            self.push_screen(Page("A link into the space; whoever has it can join", link))
        elif deed == "keys":
            await spaces.keys.rotate_all(space, "age")
            self.say("new keys were handed out")
        elif deed == "role":
            self._choose_person(space)
        elif deed == "leave":
            await spaces.leave(space)
            self.say("you have left")

    async def _create_space(self, name: str) -> None:
        space = await self.desk.spaces.create(name, ["general"])
        channel = next(iter(self.desk.sealed.view(space).channels))
        await self.open_talk(Topic("chan", channel).name)

    async def _join_space(self, link: str) -> None:
        space = await self.desk.spaces.join(link)
        self.say(f"you are in {clean_line(self.desk.sealed.view(space).name)}; keys come from a device of its admins")

    async def _add_channel(self, space: bytes, name: str, burn_ms: int | None) -> None:
        topic = await self.desk.spaces.add_channel(space, name, burn_ms=burn_ms)
        await self.open_talk(topic.name)

    def _choose_person(self, space: bytes) -> None:
        view = self.desk.sealed.view(space)
        people = [
            (b64encode(key), f"{clean_line(name)}  {view.members.get(key, '')}") for name, key in self.desk.people()
        ]
        people.sort(key=lambda item: item[1])

        async def chosen(person: str) -> None:
            user = next(key for _, key in self.desk.people() if b64encode(key) == person)
            roles = [("member", "Member"), ("admin", "Admin"), ("none", "Not in the space")]

            async def give(role: str) -> None:
                await self.desk.spaces.set_role(space, user, role)
                self.say("done, and new keys were handed out")

            self.choose("What shall they be?", roles, give)

        self.choose("Who?", people, chosen)
