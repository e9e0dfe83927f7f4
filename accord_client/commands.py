"""What the subcommands of `accord` do, one function each; the arguments are parsed in cli.py.

Each takes what it needs by name and returns an exit code. ClientError and AccordError are for cli.py to say.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Final

import orjson

from accord.encoding import b64encode, canonical
from accord.topics import Topic
from accord_client.account import bearer_token, load_joined
from accord_client.carrying import bless, carried
from accord_client.compose import Composer
from accord_client.directory import Directory, parse_key
from accord_client.errors import ClientError
from accord_client.foreign import learn_authors, learn_targets
from accord_client.history import Before, history, history_json, history_line
from accord_client.key_changes import sentence, unseen_changes
from accord_client.lines import Output
from accord_client.private import Private, concerns, open_private
from accord_client.profile import Profile, ProfileStore
from accord_client.render import Renderer
from accord_client.session import Client, now_ms
from accord_client.terminal import clean_line

FIRST_CONNECTION_SECONDS: Final = 10
MAX_UNANSWERED: Final = 5_000

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_client(store: ProfileStore) -> AsyncIterator[Client]:
    """A client with its first session; HubUnreachable after FIRST_CONNECTION_SECONDS."""
    async with Client(load_joined(store), store, notice=log.info) as client:
        await client.connected_within(FIRST_CONNECTION_SECONDS)
        client.notice = log.warning
        yield client


async def load_directory(client: Client, *targets: str | None) -> Directory:
    """Names and topics as the hub tells them now, with the names that these targets may need."""
    directory = Directory(client.profile.user.public, client.profile.follows, client.profile.home)
    directory.replace(await client.call(lambda connection: connection.topics()))
    await learn_targets(client, directory, targets)
    return directory


def check_contact(profile: Profile, directory: Directory, key: bytes) -> None:
    """ClientError where somebody has another key than the one that was compared or followed, and this one was not
    compared.
    """
    if changes := unseen_changes(profile, directory, key):
        name = clean_line(directory.name_of(key))
        says = "; ".join(sentence(change, directory) for change in changes)
        raise ClientError(f"{name} has a new key, nothing was sent: run `accord verify {name}` and compare it ({says})")


# -------------------------------------------------------------------------------------------------------------- history


async def show_history(
    store: ProfileStore, output: Output, *, target: str | None, limit: int, before: str | None, as_json: bool
) -> int:
    """The last texts of a target, oldest first."""
    moment = Before.read(before) if before else Before()
    async with open_client(store) as client:
        directory = await load_directory(client, target)
        async with open_private(client, store, directory) as private:
            topic = await readable(private, target)
            now = now_ms()
            items = await history(client, topic, limit=limit, before=moment, now=now, private=private)
            if not as_json:
                await learn_authors(client, directory, (item.event.message.author for item in items))
            renderer = Renderer(directory)
            for item in items:
                if as_json:
                    output.raw(history_json(item, directory))
                else:
                    output.text(history_line(item, renderer, now))
    return 0


async def readable(private: Private, target: str | None) -> Topic:
    """The topic that a target names, with the keys to read it; ClientError."""
    directory = private.directory
    with contextlib.suppress(ClientError):
        topic = directory.topic(target)
        if not concerns(topic, directory):
            return topic
    await private.catch_up()
    return directory.topic(target)


# --------------------------------------------------------------------------------------------------------------- others


async def person(store: ProfileStore, who: str) -> tuple[bytes, str]:
    """A person's key and account name (empty if unknown), asking the hub where it takes that."""
    key = parse_key(who)
    if key is not None:
        return key, ""
    async with open_client(store) as client:
        directory = await load_directory(client, f"@{who.removeprefix('@')}")
        key = directory.person(who)
        return key, directory.find_name(key) or ""


def list_follows(store: ProfileStore, output: Output) -> int:
    """Whom this profile follows."""
    for key, name in load_joined(store).follows.items():
        output.text(f"{clean_line(name) or '-':<32} {b64encode(key)}")
    return 0


async def follow(store: ProfileStore, output: Output, *, who: str) -> int:
    """Follow a person: `accord listen` shows what they write and where they are mentioned."""
    load_joined(store)
    key, name = await person(store, who)
    store.update(lambda profile: replace(profile, follows={**profile.follows, key: name}))
    output.text(f"following {clean_line(name) or b64encode(key)}")
    return 0


async def unfollow(store: ProfileStore, output: Output, *, who: str) -> int:
    """No longer follow a person, by key or by the name that was followed."""
    follows = load_joined(store).follows
    key = parse_key(who)
    if key not in follows:
        wanted = who.removeprefix("@").casefold()
        key = next((item for item, name in follows.items() if name and name.casefold() == wanted), None)
    if key is None:
        raise ClientError(f"{who!r} is not followed")
    store.update(lambda profile: replace(profile, follows={k: name for k, name in profile.follows.items() if k != key}))
    output.text(f"no longer following {clean_line(follows[key]) or b64encode(key)}")
    return 0


async def list_topics(store: ProfileStore, output: Output, *, as_json: bool) -> int:
    """The open channels: this hub's, then those of other hubs."""
    async with open_client(store) as client:
        directory = await load_directory(client)
    for row in sorted(directory.channels(), key=lambda row: (row.hub is not None, row.where, row.name or "")):
        if as_json:
            value = {"topic": row.topic.name, "name": row.name, "count": row.count}
            if row.hub is not None:
                value.update(hub=b64encode(row.hub), hub_name=row.hub_name)
            output.raw(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        else:
            output.text(f"{clean_line(directory.label(row.topic)):<40} {row.count:>9} {row.topic.name}")
    return 0


async def carry(store: ProfileStore, output: Output, *, wanted: bool | None) -> int:
    """Whether the hub carries for this user between linked hubs; or that it shall, or shall not."""
    async with open_client(store) as client:
        before = await client.call(carried)
        state = before
        if wanted is not None:
            state = await client.call(lambda connection: carried(connection, carry=wanted))
        if wanted:
            await client.call(lambda connection: bless(connection, client.profile.user, now=now_ms()))
        if wanted is False:
            composer = Composer(client.profile.user, now_ms)
            feed = Topic("feed", client.profile.user.public)
            for serial in before.serials:  # other hubs hold them too
                body = canonical({"serial": b64encode(serial)})
                await client.send(composer.make("cert.revoke", feed, body))
    if state.carry:
        output.text(f"people on linked hubs can reach you; this hub is linked with {len(state.hubs)}")
    else:
        output.text("people on linked hubs cannot reach you")
    return 0


# ------------------------------------------------------------------------------------------------------------ REST API


def token(store: ProfileStore, output: Output, *, as_json: bool) -> int:
    """A bearer token of this profile's account."""
    found = bearer_token(store)
    if as_json:
        output.raw(orjson.dumps(asdict(found), option=orjson.OPT_APPEND_NEWLINE))
    else:
        output.text(clean_line(found.token))
    return 0


async def sign(store: ProfileStore, output: Output, *, target: str | None, text: str) -> int:
    """Print a signed text instead of sending it."""
    async with open_client(store) as client:
        directory = await load_directory(client, target)
        composer = Composer(client.profile.user, now_ms)
        envelope = composer.text(directory.topic(target), text, mentions=directory.mentions(text))
    output.raw(orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE))
    return 0


def conversation(topic: Topic, me: bytes) -> bool:
    """Whether a topic stands for what two people wrote to each other."""
    return topic.kind == "user" and topic.ident != me
