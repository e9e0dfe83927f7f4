"""`accord connections | spaces | channels | members | search`: what is private, on the command line (protocol.md
section 7). Each function takes what it needs by name and gives an exit code; arguments are parsed in private_cli.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.spaces import ADMIN
from accord.topics import Topic, parse_topic
from accord.words import key_words
from accord_client import connecting
from accord_client.commands import check_contact, load_directory, open_client
from accord_client.errors import ClientError
from accord_client.lines import Output
from accord_client.private import Private, open_private
from accord_client.profile import ProfileStore
from accord_client.render import clock_time
from accord_client.session import now_ms
from accord_client.spaces import Spaces
from accord_client.terminal import clean_line, clean_lines
from accord_client.welcome import Welcome

STATES: Final = {
    "asked": "asks you",
    "asking": "asked, no answer yet",
    "connected": "connected",
    "declined": "declined",
    "none": "not connected",
}


def _json(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


@asynccontextmanager
async def _private(store: ProfileStore, *targets: str | None, everything: bool = False) -> AsyncIterator[Private]:
    """The private side of a profile's session, with all that has come."""
    async with open_client(store) as client:
        directory = await load_directory(client, *targets)
        async with open_private(client, store, directory) as private:
            await private.publish_boxkey()
            await private.catch_up(everything=everything)
            await Welcome(private, store).answer()
            yield private
            await private.save(store)


# -------------------------------------------------------------------------------------------------------- connections


async def connections(store: ProfileStore, output: Output, *, deed: str | None, who: str | None, as_json: bool) -> int:
    """List connections by how they stand; or ask, accept or decline."""
    targets = () if who is None else (f"@{who.removeprefix('@')}",)
    async with _private(store, *targets) as private:
        if deed is not None:
            await _connect(private, output, deed, who or "")
            return 0
        found = private.sealed.connections()
        order = list(STATES)
        for other, connection in sorted(found.items(), key=lambda item: (order.index(item[1].state), item[0])):
            name = private.directory.name_of(other)
            if as_json:
                output.raw(_json({"name": name, "user": b64encode(other), "state": connection.state}))
            else:
                output.text(f"{clean_line(name):<32} {STATES[connection.state]}")
    return 0


async def _connect(private: Private, output: Output, deed: str, who: str) -> None:
    client, sealed, composer = private.client, private.sealed, private.composer
    other = private.directory.person(who)
    name = clean_line(private.directory.name_of(other))
    check_contact(client.profile, private.directory, other)
    if deed == "decline":
        await connecting.decline(client, sealed, composer, other)
        output.text(f"declined: {name} sees that")
        return
    if deed == "accept":
        await connecting.accept(client, sealed, composer, other)
    else:
        await connecting.ask(client, sealed, composer, other)
    state = sealed.connection(other).state
    output.text(f"{name}: {STATES[state]}")
    if state == "connected":
        output.text(f"compare these words with {name}: {' '.join(key_words(sealed.me, other))}")


# ------------------------------------------------------------------------------------------------------------- spaces


async def list_spaces(store: ProfileStore, output: Output, *, as_json: bool) -> int:
    """The spaces of which one is a member."""
    async with _private(store) as private:
        me = private.sealed.me
        for space, view in sorted(private.spaces().items(), key=lambda item: item[1].name.casefold()):
            role = view.members[me]
            if as_json:
                members, channels = len(view.members), len(view.channels)
                value = {"space": b64encode(space), "name": view.name, "role": role}
                output.raw(_json({**value, "members": members, "channels": channels}))
            else:
                output.text(f"{clean_line(view.name):<32} {role:<7} {len(view.members):>5} members")
    return 0


async def create_space(store: ProfileStore, output: Output, *, name: str, about: str, channels: list[str]) -> int:
    """A new space, with its first channels."""
    async with _private(store) as private:
        await Spaces(private, store).create(name, channels, about=about)
    output.text(f"the space {clean_line(name)} is there; `accord spaces invite '{clean_line(name)}'` makes a link")
    return 0


async def rename_space(store: ProfileStore, output: Output, *, name: str, to: str | None, about: str | None) -> int:
    """Call a space otherwise, or say anew what it is for, as its admin."""
    if to is None and about is None:
        raise ClientError("say what it shall be called (--name), or what it is for (--about)")
    async with _private(store) as private:
        spaces = Spaces(private, store)
        called = await spaces.rename(spaces.find(name), name=to, about=about)
    output.text(f"all its members see it: {clean_line(called)}")
    return 0


async def invite_to_space(store: ProfileStore, output: Output, *, name: str, hours: int, uses: int) -> int:
    """Print a link by which members of the hub join a space."""
    async with _private(store) as private:
        spaces = Spaces(private, store)
        output.text(await spaces.invite(spaces.find(name), hours=hours, uses=uses))
    return 0


async def join_space(store: ProfileStore, output: Output, *, link: str) -> int:
    """Join a space by a link."""
    async with _private(store) as private:
        joined = await Spaces(private, store).join(link)
        name = clean_line(private.sealed.view(joined.space).name)
    if joined.is_here:
        output.text(f"you are in {name}; its keys come when a device of an admin is online")
    else:
        output.text("your hub has brought your join to the hub of that space, which comes from there within minutes")
    return 0


async def leave_space(store: ProfileStore, output: Output, *, name: str) -> int:
    """Leave a space."""
    async with _private(store) as private:
        spaces = Spaces(private, store)
        await spaces.leave(spaces.find(name))
    output.text(f"you have left {clean_line(name)}")
    return 0


async def rotate(store: ProfileStore, output: Output) -> int:
    """Hand out new keys wherever they are due, as an admin."""
    async with _private(store) as private:
        count = await Spaces(private, store).keys.keep()
    output.text(f"new keys for {count} channels" if count else "no channel of yours needs new keys")
    return 0


async def list_channels(store: ProfileStore, output: Output, *, space: str | None, as_json: bool) -> int:
    """The channels of one's spaces, or of one of them."""
    async with _private(store) as private:
        only = None if space is None else Spaces(private, store).find(space)
        for ident, view in sorted(private.spaces().items(), key=lambda item: item[1].name.casefold()):
            if only not in (None, ident):
                continue
            for channel, facts in sorted(view.channels.items(), key=lambda item: item[1].name.casefold()):
                if not view.may(private.sealed.me, "read", channel):
                    continue
                topic = Topic("chan", channel)
                marks = [word for word in ("private", "voice", "closed") if getattr(facts, word)]
                if facts.burn_ms:
                    marks.append(f"gone after {facts.burn_ms // 1000} s")
                if as_json:
                    value = {"topic": topic.name, "space": view.name, "name": facts.name, "about": facts.about}
                    output.raw(_json({**value, "burn_ms": facts.burn_ms, "private": facts.private}))
                else:
                    label = clean_line(private.directory.label(topic))
                    output.text(f"{label:<40} {', '.join(marks):<24} {topic.name}".rstrip())
    return 0


async def create_channel(
    store: ProfileStore, output: Output, *, space: str, name: str, burn_seconds: int | None, private_: bool
) -> int:
    """A new channel in a space, as its admin."""
    async with _private(store) as private:
        spaces = Spaces(private, store)
        burn_ms = None if burn_seconds is None else burn_seconds * 1000
        topic = await spaces.add_channel(spaces.find(space), name, burn_ms=burn_ms, private=private_)
        output.text(f"{clean_line(private.directory.label(topic))} is there: {topic.name}")
    return 0


async def members(
    store: ProfileStore, output: Output, *, where: str, deed: str | None, who: str | None, as_json: bool
) -> int:
    """Who is in a space or a private channel; or, as an admin, change somebody's role there, or give them history."""
    targets = () if who is None else (f"@{who.removeprefix('@')}",)
    async with _private(store, *targets) as private:
        if deed is not None:
            spaces = Spaces(private, store)
            other = private.directory.person(who or "")
            if deed == "history":
                if not await spaces.keys.give_all_history(spaces.find(where), other):
                    raise ClientError("nothing was said before that this device can open")
                output.text(f"{clean_line(private.directory.name_of(other))} can read what was said before")
                return 0
            roles = {"add": "member", "admin": "admin", "member": "member", "remove": "none"}
            await spaces.set_role(spaces.find(where), other, roles[deed])
            output.text("done, and new keys are handed out")
            return 0
        for key, role in sorted(_members(private, store, where).items(), key=lambda item: (item[1] != ADMIN, item[0])):
            name = private.directory.name_of(key)
            if as_json:
                output.raw(_json({"name": name, "user": b64encode(key), "role": role}))
            else:
                output.text(f"{clean_line(name):<32} {role}")
    return 0


def _members(private: Private, store: ProfileStore, where: str) -> dict[bytes, str]:
    try:
        view = private.sealed.view(Spaces(private, store).find(where))
        return dict(view.members)
    except ClientError:
        place = private.sealed.place(private.directory.topic(where))
        if place is None:
            raise
        return {key: ADMIN if key in place.admins else "member" for key in place.members}


# ------------------------------------------------------------------------------------------------------------- search


async def search(store: ProfileStore, output: Output, *, words: str, limit: int, as_json: bool) -> int:
    """The newest texts that hold all the words, among all that this device has read and all that it may."""
    async with _private(store, everything=True) as private:
        texts, now = private.sealed.texts, now_ms()
        if not words.strip():
            raise ClientError("say what to search for")
        found = []
        for item in texts.search(words, now=now):
            found.append(item)
            if len(found) == limit:
                break
        for item in reversed(found):
            name = private.directory.name_of(item.author)
            if as_json:
                value = {"id": b64encode(item.ident), "topic": item.talk, "from": b64encode(item.author), "name": name}
                output.raw(_json({**value, "created_at": item.created_at, "text": item.text}))
            else:
                where = clean_line(_label(private, item.talk))
                when = clock_time(item.created_at, now)
                output.text(f"{when} {where} {clean_line(name)}: {clean_lines(item.text)}")
    return 0 if found else 1


async def export(store: ProfileStore, output: Output) -> int:
    """Print what one has written, oldest first, a JSON object a line; nothing that has burned or was deleted."""
    async with _private(store, everything=True) as private:
        texts, me = private.sealed.texts, private.sealed.me
        mine = [item for item in texts.search("", now=now_ms()) if item.author == me]
        for item in reversed(mine):
            where = _label(private, item.talk)
            value = {"id": b64encode(item.ident), "topic": item.talk, "where": where, "created_at": item.created_at}
            output.raw(_json({**value, "text": item.text}))
    return 0


def _label(private: Private, talk: str) -> str:
    try:
        return private.directory.label(parse_topic(talk))
    except RemoteError:
        return talk
