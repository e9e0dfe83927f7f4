"""After people of two linked hubs have talked in private, dumps of both hold nothing that would let anybody read it.

A member of each connect, talk, make a space with a sealed channel, send a file, keep a vault, and have something burn,
all by the protocol's library. Then the database, the blobs, the log and the memory of both hubs' processes are searched
for what they said, for passwords and for every private key of theirs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from accord import blobs, bodies, connections, devices, epochs, spaces, stores, vault
from accord.encoding import b64encode
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.messages import Envelope, parse_envelope
from tests.e2e import traces
from tests.e2e.plain_client import Connection, Json, Key, id_of, message, now_ms, text, unb64
from tests.e2e.rest import Rest
from tests.e2e.test_blobs import bring
from tests.e2e.test_blobs import read as read_blob
from tests.e2e.world import World
from tests.links.pair import Hub, until

pytestmark = pytest.mark.e2e

DAY_MS = 86_400_000
_SERVED = "SELECT 1 FROM peers_blessing b JOIN peers_user u ON u.id = b.user_id WHERE u.key = ? AND b.hub = ?"


@dataclass
class Planted:
    """What nobody but the two may have, by name."""

    secrets: dict[str, bytes] = field(default_factory=dict)

    def words(self, about: str) -> str:
        """Words that are said nowhere else."""
        said = f"{about} {secrets.token_hex(12)}"
        self.secrets[f"words: {about}"] = said.encode()
        return said

    def key(self, about: str, raw: bytes) -> bytes:
        """A private key."""
        self.secrets[about] = raw
        return raw


class Person:
    """A member of a hub with one device, and what a client keeps of them."""

    def __init__(self, name: str, home: Hub, planted: Planted) -> None:
        self.home, self.hub = home, home.world
        self.name, self.key, self.client = name, Key(), Key()
        self.user = SigningKey(self.key.seed)
        self.box, self.conn = BoxKey.generate(), BoxKey.generate()
        for about, raw in (
            ("user key", self.key.seed),
            ("device key", self.client.seed),
            ("box key", self.box.private),
            ("key of the connection", self.conn.private),
        ):
            planted.key(f"{name}'s {about}", raw)
        self.rest = Rest.of(self.hub)

    async def connect(self) -> Connection:
        """A session at the own hub."""
        return await self.hub.connect(self.key)

    async def has(self, value: Json) -> None:
        """Wait until the own hub has a message."""
        await until(lambda: self.hub.stored(id_of(value)) is not None, "it has come to the other hub")

    @property
    def recipient(self) -> epochs.Recipient:
        return epochs.Recipient(self.user.public, self.box.public)

    def device_keys(self) -> Json:
        at = now_ms()
        body = devices.device_body(self.box.public, created_at=at, client=self.client.public)
        return message(self.key, "device.keys", "feed", body, created_at=at)

    def says(self, to: str, words: str, *, epoch: int, window: tuple[int, bytes], **fields: Any) -> Json:
        """A sealed `chat.text`."""
        win, key = window
        body = json.dumps({"text": words}).encode()
        return bodies.create_encrypted(
            self.user, type="chat.text", to=to, body=body, epoch=epoch, win=win, window_key=key,
            **{"created_at": now_ms(), **fields},
        )  # fmt: skip


def envelope(value: Json) -> Envelope:
    return parse_envelope(value)


def window_of(planted: Planted, about: str, secret: bytes, window_ms: int) -> tuple[int, bytes]:
    """The window of now and its key, of an epoch that begins now."""
    planted.key(f"{about}: epoch secret", secret)
    win = epochs.window_at(now_ms(), window_ms)
    return win, planted.key(f"{about}: window key", epochs.first_window_key(secret, win))


async def _connect(ann: Person, bob: Person, planted: Planted) -> tuple[str, tuple[int, bytes]]:
    """A connection by request and accept; gives its topic and the window in which they talk."""
    conn_id = connections.new_conn_id()
    request = message(
        ann.key, "connection.request", f"user:{bob.key.text}", connections.request_body(ann.conn.public, conn_id)
    )
    accept = message(
        bob.key, "connection.accept", f"user:{ann.key.text}", connections.accept_body(bob.conn.public, conn_id)
    )
    async with await ann.connect() as one, await bob.connect() as other:
        await one.store(request)
        await bob.has(request)
        await other.store(accept)
        await ann.has(accept)
    asked, answered = envelope(request), envelope(accept)
    secret = connections.connection_key(ann.conn, bob.conn.public, asked, answered)
    assert secret == connections.connection_key(bob.conn, ann.conn.public, asked, answered)
    first = connections.connection_epoch(planted.key("secret of the connection", secret), answered.created_at)
    key = epochs.window_key_at(
        epochs.first_window_key(first.secret, first.w0), first.w0, win := epochs.window_at(now_ms(), DAY_MS)
    )
    planted.key("connection: epoch secret", first.secret)
    return connections.connection_topic(asked.id, answered.id), (win, planted.key("connection: window key", key))


async def _space(ann: Person, bob: Person, planted: Planted) -> tuple[str, tuple[int, bytes]]:
    """A space of the two with a sealed channel; gives its topic and the window in which they talk."""
    nonce = secrets.token_bytes(16)
    space = spaces.space_id(ann.user.public, nonce)
    to, channel = f"space:{b64encode(space)}", spaces.channel_id(ann.user.public, nonce, space)
    chan = f"chan:{b64encode(channel)}"
    made = message(ann.key, "space.create", to, {"nonce": b64encode(nonce), "name": "a space"})
    member = message(ann.key, "space.member", to, {"user": bob.key.text, "role": "member"}, prev=[id_of(made)])
    fields = {"channel": b64encode(channel), "nonce": b64encode(nonce), "name": "sealed"}
    opened = message(ann.key, "space.channel", to, fields, prev=[id_of(member)])
    secret = epochs.new_secret()
    (body,) = epochs.make_epoch(
        secret, [ann.recipient, bob.recipient], chan=chan, author=ann.user.public, epoch=1, window_ms=DAY_MS,
        reason="create",
    )  # fmt: skip
    epoch = message(ann.key, "space.epoch", chan, body)
    async with await ann.connect() as session:
        await session.store(made, member, opened)
        await session.store(epoch)
    await bob.has(epoch)
    assert epochs.open_epoch(envelope(epoch), bob.box, bob.user.public) == secret
    return chan, window_of(planted, "channel", secret, DAY_MS)


def _keep_vault(ann: Person, planted: Planted) -> None:
    """By name and password, and once by the recovery code on a clean machine."""
    hub = ann.hub
    password = planted.words("password")
    params = vault.read_params(ann.rest.get("vault/params", name=ann.name).value)
    root = vault.root_key(password, vault.vault_salt(hub.key, ann.name, params.salt), params.iterations)
    code, key = (
        planted.key("recovery code", vault.VAULT_CODE.new()),
        planted.key("key of the vault", secrets.token_bytes(32)),
    )
    ways = {"password": root, "recovery": vault.recovery_root(code)}
    for kind, each in ways.items():
        planted.key(f"vault, {kind}: root", each)
        planted.key(f"vault, {kind}: wrap key", vault.wrap_key(each))
    slots = [vault.make_slot(kind, name=ann.name, wrap=vault.wrap_key(each), key=key) for kind, each in ways.items()]
    enclave = vault.seal_enclave(
        ann.user, name=ann.name, version=1, params=params, slots=slots, key=key,
        content={"settings": {"note": planted.words("settings")}}, recovery=vault.wrap_key(ways["recovery"]),
    )  # fmt: skip
    auths = {kind: b64encode(vault.auth_key(each)) for kind, each in ways.items()}
    body = {"name": ann.name, "auth": auths["password"], "recovery": auths["recovery"], "enclave": enclave}
    assert ann.rest.ask("PUT", "vault", body).status == 200
    clean = Rest.of(hub)
    assert clean.post("vault/open", {"name": ann.name, "auth": b64encode(bytes(32))}).code == "403 denied"
    given = clean.post("vault/open", {"name": ann.name, "auth": auths["recovery"]}).value["enclave"]
    opened = vault.open_enclave(
        given, vault.slot_key(given, "recovery", wrap=vault.wrap_key(ways["recovery"])), name=ann.name
    )
    assert opened.user.seed == ann.key.seed


def _keep_things(ann: Person, planted: Planted) -> str:
    """A file, whose id is given, and something in the store."""
    key = planted.key("key of the file", secrets.token_bytes(32))
    file = (planted.words("file") * 40).encode()
    name = bring(ann.rest, blobs.seal(key, file))
    signer = SigningKey(planted.key("key of the enclave", secrets.token_bytes(32)))
    sealed = blobs.seal(key, planted.words("enclave").encode())
    document = {"enclave": stores.make_enclave(signer, body=sealed)}
    assert ann.rest.ask("PUT", f"enclaves/{b64encode(stores.enclave_id(signer.public))}", document).status == 200
    return name


async def _burn(author: Person, session: Connection, to: str, window: tuple[int, bytes], planted: Planted) -> Json:
    """Say something that burns soon; on a slow machine somewhat later, for the hub takes nothing that has burned."""
    words = planted.words("burns")
    for seconds in (3, 30, 300):
        said = author.says(to, words, epoch=1, window=window, burn_at=now_ms() + seconds * 1000)
        if await session.outcome(said) == "stored":
            break
    return said


async def test_dumps_of_two_hubs_open_nothing(tmp_path: Path) -> None:
    planted = Planted()
    far, near = (Hub(tmp_path / name, ACCORD_LOG="json") for name in ("far", "near"))  # all that is written down at all
    async with AsyncExitStack() as stack:
        for home in (far, near):
            await home.start()
            stack.push_async_callback(home.stop)
        await near.run("link", await asyncio.to_thread(far.world.invite))
        ann, bob = Person("ann-trace", far, planted), Person("bob-trace", near, planted)
        in_the_open = f"said in the open {secrets.token_hex(12)}"
        burned = await _talk(ann, bob, planted, in_the_open)
        for hub in (far.world, near.world):
            await _search(hub, planted, burned)

        # And what is there is found.
        for hub in (far.world, near.world):
            own = unb64((hub.home / "hub.key").read_text().strip())
            known = {"open words": in_the_open.encode(), "hub's key": own}
            assert {place.split(" in ")[0] for place in traces.in_files(hub.home, known)} == set(known)
            assert "hub's key" in traces.in_memory(hub.pid, known)


async def _talk(ann: Person, bob: Person, planted: Planted, in_the_open: str) -> list[Json]:
    """All that two people do; gives what has burned."""
    for each, other in ((ann, bob), (bob, ann)):
        async with await each.hub.connect(each.hub.admin) as session:
            await session.store(each.hub.add_user(each.hub.admin, each.key, each.name))
        assert each.rest.log_in(each.hub, each.key, client=each.client).status == 200
        keys = each.device_keys()
        async with await each.home.bless(each.key, other.home) as session:
            await session.store(keys, text(each.key, await each.hub.channel(), in_the_open))
        await other.has(keys)
    for each, other in ((ann, bob), (bob, ann)):
        await until(lambda each=each, other=other: other.hub.rows(_SERVED, each.key.public, each.hub.key), "served")

    pair, of_pair = await _connect(ann, bob, planted)
    chan, of_chan = await _space(ann, bob, planted)
    said = {
        pair: ann.says(pair, planted.words("to bob"), epoch=1, window=of_pair),
        chan: ann.says(chan, planted.words("in the channel"), epoch=1, window=of_chan),
    }
    async with await ann.connect() as one, await bob.connect() as other_session:
        await other_session.subscribe(topics=[pair, chan])
        await one.subscribe(topics=[pair])
        await one.store(*said.values())
        await other_session.until_delivered(*said.values())
        burning = await _burn(bob, other_session, pair, of_pair, planted)
        delivered = [envelope(item["message"]) for item in other_session.delivered()]
    windows = {pair: of_pair, chan: of_chan}
    read = set()
    for each in delivered:
        assert each.salt is not None
        _, key = windows[each.topic.name]
        if each.id != envelope(burning).id:
            read.add(json.loads(bodies.open_body(each, key, window_ms=DAY_MS))["text"].encode())
        planted.key(f"message {b64encode(each.id)}", bodies.message_key(key, each.salt, each.author)[:32])
    assert read == {planted.secrets[f"words: {about}"] for about in ("to bob", "in the channel")}
    await asyncio.to_thread(_keep_vault, ann, planted)
    name = await asyncio.to_thread(_keep_things, ann, planted)
    await until(lambda: read_blob(bob.rest, name)[0] == 200, "the file is at both hubs")
    return [burning]


async def _search(hub: World, planted: Planted, burned: list[Json]) -> None:
    """Nothing of what was planted is found at a hub, nor of what has burned."""
    ciphertext = {f"body of {id_of(value)}": unb64(value["body"])[:64] for value in burned}
    for value in burned:
        await until(
            lambda value=value: hub.stored(id_of(value)) is None and not hub.holds_bytes(unb64(value["body"])), "burned"
        )
    assert traces.in_files(hub.home, planted.secrets | ciphertext) == set()
    log = await asyncio.to_thread(Path(f"{hub.home}.log").read_bytes)
    assert [name for name, secret in planted.secrets.items() if any(form in log for form in traces.forms(secret))] == []
    assert traces.in_memory(hub.pid, planted.secrets) == set()
    assert b"/api/v1/" in log
