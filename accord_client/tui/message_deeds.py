"""What the terminal UI does about messages: answering, threads, reactions, edits, deletions, pins, files.

A part of the application: who draws and who opens conversations is app.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

from textual.suggester import Suggester

from accord.encoding import b64encode
from accord.messages import Message
from accord_client.errors import ClientError
from accord_client.files import FileRef, files_in
from accord_client.render import clock_time, size_words
from accord_client.saving import save
from accord_client.session import now_ms
from accord_client.terminal import clean_line
from accord_client.tui.dialogs import Page
from accord_client.tui.shell import Draft, Shell

EMOJI: Final = ("\N{THUMBS UP SIGN}", "\N{HEAVY BLACK HEART}", "\N{FACE WITH TEARS OF JOY}", "\N{PARTY POPPER}")
EMOJI_WORDS: Final = ("thumbs up", "heart", "laughing", "party")
BURNING: Final = (("60", "1 minute"), ("3600", "1 hour"), ("86400", "1 day"), ("604800", "1 week"))
MAX_PIN_CHARS: Final = 100


class PathSuggester(Suggester):
    """Ends a path that is being typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(_path_like, value)


def _path(typed: str) -> Path:
    try:
        return Path(typed).expanduser()
    except RuntimeError as error:
        raise ClientError(f"{typed}: nobody here is called so") from error


def _path_like(typed: str) -> str | None:
    folder, slash, start = typed.rpartition("/")
    if not typed:
        return None
    try:
        names = sorted(
            f"{path.name}/" if path.is_dir() else path.name
            for path in _path(folder or slash or ".").iterdir()
            if path.name.startswith(start) and (start or not path.name.startswith("."))
        )
    except (OSError, ClientError):
        return None
    return f"{folder}{slash}{names[0]}" if names else None


class MessageActions(Shell):
    """Deeds with messages."""

    # --------------------------------------------------------------------------------------------------------- writing

    def action_reply(self) -> None:
        item = self.chosen()
        if item is not None and not item.deleted:
            self.refer(replace(self.draft, reply_to=item.event.message, editing=None))

    def action_edit(self) -> None:
        item = self.chosen()
        if item is None or self.open is None:
            return
        message = item.event.message
        if message.id in self.desk.talks[self.open].refused:
            self.desk.writing.give_up(self.open, message)
            self.write(Draft(item.words))
        elif self.desk.writing.may_edit(message) and not item.deleted:
            self.write(Draft(item.words, editing=message))
        else:
            self.say("only texts of your own can be edited")

    def action_attach(self) -> None:
        """Have a file go along with what is being written."""
        if self.open is not None and self.draft.editing is None:
            self.ask("Path of a file to send; the right arrow key ends it", self._take_along, suggester=PathSuggester())

    async def _take_along(self, typed: str) -> None:
        path = _path(typed)
        if not await asyncio.to_thread(path.is_file):
            raise ClientError(f"there is no file {typed}")
        self.refer(replace(self.draft, files=(*self.draft.files, path)))

    def action_burn(self) -> None:
        """Choose how long what is being written stays."""
        if self.open is None or self.draft.editing is not None:
            return

        async def burn(seconds: str) -> None:
            self.refer(replace(self.draft, burn_seconds=int(seconds) if seconds else None))

        stays = ("", "It stays, as long as the conversation lets it")
        self.choose("The next message vanishes after", [*BURNING, stays], burn)

    # ---------------------------------------------------------------------------------------------- about one message

    def action_thread(self) -> None:
        item = self.chosen()
        if item is not None:
            self.show_thread(item.event.message.id)

    def action_delete(self) -> None:
        item, name = self.chosen(), self.open
        if item is None or name is None or item.deleted:
            return
        message = item.event.message
        if message.id in self.desk.talks[name].refused:
            self.desk.writing.give_up(name, message)
            return
        if not self.desk.writing.may_delete(message):
            self.say("only your own messages, and what lies in your own inbox, can be deleted")
            return
        question = f"Delete '{clean_line(item.text)[:60]}' everywhere?"
        self.choose(question, [("yes", "Delete"), ("no", "Keep")], lambda said: self._delete(name, message, said))

    async def _delete(self, name: str, message: Message, said: str) -> None:
        if said == "yes":
            await self.desk.writing.delete(name, message)

    def action_react(self) -> None:
        item, name = self.chosen(), self.open
        if item is None or name is None or item.deleted:
            return
        message = item.event.message
        used = [(emoji, emoji) for emoji in item.reactions if emoji not in EMOJI]
        usual = [(emoji, f"{emoji}  {words}") for emoji, words in zip(EMOJI, EMOJI_WORDS, strict=True)]
        other = [("", "another one")]

        async def react(emoji: str) -> None:
            if emoji:
                await self.desk.writing.react(name, message, emoji)
            else:
                self.ask("React with", lambda typed: self.desk.writing.react(name, message, typed))

        self.choose("React with; the same again takes it back", [*usual, *used, *other], react)

    def action_pin(self) -> None:
        item, name = self.chosen(), self.open
        if item is None or name is None or item.deleted:
            return
        if self.desk.writing.may_pin(item.event.message):
            self.do(self.desk.writing.pin(name, item.event.message, on=not item.pinned))
        else:
            self.say("only an admin of the channel pins")

    def action_pins(self) -> None:
        """What is pinned, among what is loaded of the conversation."""
        if self.open is None or not self.is_ready:
            return
        name, now = self.open, now_ms()
        pinned = {
            b64encode(item.event.message.id): item
            for item in self.desk.talks[name].shown(now)
            if item.pinned and not item.deleted
        }
        if not pinned:
            self.say("nothing is pinned among what is loaded here")
            return
        choices = []
        for ident, item in pinned.items():
            who = clean_line(self.desk.directory.name_of(item.event.message.author))
            when = clock_time(item.event.message.created_at, now)
            choices.append((ident, f"{when} {who}: {clean_line(item.text)[:MAX_PIN_CHARS]}"))
        self.choose("Pinned", choices, lambda ident: self.show_message(name, pinned[ident].event.message.id))

    # ----------------------------------------------------------------------------------------------------------- files

    def action_save(self) -> None:
        """Save a file of the chosen message."""
        item = self.chosen()
        files = [] if item is None or item.deleted else files_in(item.event.message)
        if len(files) == 1:
            self._ask_where(files[0])
        elif files:
            choices = [
                (str(number), f"{clean_line(file.name)}  {size_words(file.size)}") for number, file in enumerate(files)
            ]

            async def chosen(number: str) -> None:
                self._ask_where(files[int(number)])

            self.choose("Save which file?", choices, chosen)
        else:
            self.say("that message has no files")

    def _ask_where(self, file: FileRef) -> None:
        downloads = Path("~/Downloads")
        folder = downloads if downloads.expanduser().is_dir() else Path.cwd()
        title = f"Save {clean_line(file.name)} in which folder, or as which file?"
        self.ask(title, lambda typed: self._save(file, typed), value=f"{folder}/", suggester=PathSuggester())

    async def _save(self, file: FileRef, typed: str) -> None:
        name = clean_line(file.name)

        def progress(done: int, size: int) -> None:
            self.tell_progress(name, f"{name}: {100 * done // max(1, size)} %")

        try:
            data = await self.desk.files.fetch(file, progress=progress)
        finally:
            self.tell_progress(name, "")
        path = await asyncio.to_thread(save, _path(typed), file.name, data)
        self.say(f"saved as {path}")

    # --------------------------------------------------------------------------------------------------------- details

    def action_details(self) -> None:
        item = self.chosen()
        if item is None:
            return
        message, directory = item.event.message, self.desk.directory
        files = [f"{clean_line(file.name)} ({size_words(file.size)})" for file in files_in(message)]
        reactions = [
            f"{clean_line(emoji)} {', '.join(clean_line(directory.name_of(key)) for key in sorted(keys))}"
            for emoji, keys in item.reactions.items()
        ]
        rows = {
            "from": f"{clean_line(directory.name_of(message.author))}  {b64encode(message.author)}",
            "signature": "checked",
            "sealed": "yes" if "enc" in message.header else "no",
            "id": b64encode(message.id),
            "lies in": message.topic.name,
            "answers": ", ".join(b64encode(ident) for ident in message.attention_messages) or "-",
            "files": ", ".join(files) or "-",
            "reactions": ", ".join(reactions) or "-",
        }
        self.push_screen(Page("Message", "\n".join(f"{title:<10} {text}" for title, text in rows.items())))
