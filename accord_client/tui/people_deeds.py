"""What the terminal UI does about people and words: going to somebody, asking and answering them, comparing keys,
searching (protocol.md section 7).

A part of the application: who draws and who opens conversations is app.py.
"""

from __future__ import annotations

import asyncio
from typing import Final

from accord.encoding import b64encode
from accord.topics import Topic, parse_topic
from accord.words import key_words
from accord_client.render import clock_time
from accord_client.session import now_ms
from accord_client.terminal import clean_line
from accord_client.texts import Found
from accord_client.tui.dialogs import Page
from accord_client.tui.shell import Draft, Shell

MAX_HIT_CHARS: Final = 120


class PeopleActions(Shell):
    """Deeds with people, and search."""

    # --------------------------------------------------------------------------------------------------------- people

    def action_go(self) -> None:
        if not self.is_ready:
            return
        talks = [(talk.name, clean_line(self.desk.label(talk))) for talk in self.desk.listed()]
        there = {name for name, _ in talks}
        people = [(Topic("user", key).name, f"@{clean_line(name)}") for name, key in self.desk.people()]
        self.choose("Go to", [*talks, *(item for item in people if item[0] not in there)], self.open_talk)

    def action_members(self) -> None:
        if self.open is None or not self.is_ready:
            return
        choices = [
            (Topic("user", key).name, f"{clean_line(called)}  {role}  {b64encode(key)[:16]}...")
            for called, key, role in self.desk.members(self.open)
        ]
        self.choose("Who is here; Enter writes to them", choices, self.open_talk)

    async def say_or_ask(self, name: str, draft: Draft) -> None:
        """Send; to a person who has keys, but with whom nothing is sealed yet, only when one has chosen how."""
        if draft.editing is not None or not await self.desk.must_ask(name):
            await self.send(name, draft)
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
                await self.send(name, draft)

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
        key = self.desk.talks[name].topic.ident
        who, words = clean_line(self.desk.directory.name_of(key)), "  ".join(key_words(self.desk.me, key))
        if key in self.desk.client.profile.verified:
            self.push_screen(Page(f"You and {who}", f"{words}\n\nYou have compared these words."))
            return
        same = [("yes", "They are: nobody stands between you. Keep that"), ("no", "Not compared")]

        async def compared(said: str) -> None:
            if said == "yes":
                await asyncio.to_thread(self.desk.mark_compared, key)
                self.say(f"the key of {who} is known from now on")

        self.choose(f"{words}: does {who} see the same words?", same, compared)

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
        self.choose(f"{len(found)} found", choices, lambda hit: self._show_hit(found[int(hit)]))

    async def _show_hit(self, hit: Found) -> None:
        await self.show_message(self.desk.talk_of(hit), hit.ident)
