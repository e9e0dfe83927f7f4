"""The lasting session against a hub on a real socket: cut, restored, refusing, forging."""

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.topics import Topic
from accord_client.compose import Composer
from accord_client.connection import connect
from accord_client.directory import Directory
from accord_client.errors import HubUnreachable, LoginRefused, Stopped
from accord_client.events import Deliver, Live, Restarted
from accord_client.session import Backoff, Client, State, fresh_certificate, now_ms
from accord_client.subscription import Subscription
from tests.accord_client.fake_hub import FakeHub

QUICK = Backoff(first_seconds=0.001, most_seconds=0.01)


@asynccontextmanager
async def client_of(store):
    notices = []
    async with Client(store.load(), store, notice=notices.append, backoff=QUICK) as client:
        client.said = notices
        yield client


class Writer:
    """An author whose messages are all texts in one topic."""

    def __init__(self, client, topic):
        self.client, self.topic = client, topic
        self.composer = Composer(client.profile.user, now_ms)

    async def send(self, text):
        return await self.client.send(self.composer.text(self.topic, text))

    async def post(self, text):
        return await self.client.post(self.composer.text(self.topic, text))


async def texts(subscription, count):
    """The next texts of a subscription."""
    found = []
    async with aclosing(subscription.events()) as events:
        async for event in events:
            if isinstance(event, Deliver):
                found.append(event.message.body.decode().removeprefix('{"text":"').removesuffix('"}'))
                if len(found) == count:
                    subscription.progress.shown(event)
                    return found
    return None


def everything(client, **rest):
    return Subscription(client, Directory.everything, [client.profile.user.public], **rest)


async def next_of(events, kind):
    async for event in events:
        if isinstance(event, kind):
            return event
    return None


# ------------------------------------------------------------------------------------------------------------ sending


async def test_a_cut_before_the_answer_is_no_loss_and_no_double(hub, member):
    lounge = hub.channel("lounge")
    hub.cut_publish = 2
    async with client_of(member("ada")) as client:
        writer = Writer(client, lounge)
        assert (await writer.send("one")).status == "duplicate"
        assert (await writer.send("two")).status == "stored"
    assert hub.texts == ["one", "two"]


async def test_what_is_sent_while_the_hub_is_away_goes_out_in_order(hub, member):
    lounge, store = hub.channel("lounge"), member("ada")
    async with client_of(store) as client:
        writer = Writer(client, lounge)
        await client.connected()
        await hub.cut()
        answers = [await writer.post(str(number)) for number in range(250)]
        results = await asyncio.gather(*answers)
    assert all(result.accepted for result in results)
    assert hub.texts == [str(number) for number in range(250)]


async def test_starts_before_the_hub_does(member, hub):
    lounge, store = hub.channel("lounge"), member("ada")
    other = FakeHub()
    other.key, other.accounts, other.channels = hub.key, hub.accounts, hub.channels
    async with asyncio.timeout(10):
        async with other.running():
            port = other.port
        address = f"127.0.0.1:{port}"
        profile = replace(store.load(), url=f"http://{address}", ws=f"ws://{address}/ws/peer")
        failed = asyncio.Event()
        async with Client(profile, notice=lambda _: failed.set(), backoff=QUICK) as client:
            answer = await Writer(client, lounge).post("early")
            await failed.wait()
            async with other.running(port):
                assert (await answer).status == "stored"


async def test_a_rejected_message_is_answered_and_the_rest_goes_on(hub, member):
    hub.refuse = [{"code": "quota", "detail": "no"}]
    async with client_of(member("ada")) as client:
        writer = Writer(client, hub.channel("lounge"))
        result = await writer.send("one")
        assert (result.status, result.code) == ("rejected", "quota")
        assert (await writer.send("two")).accepted


async def test_asked_to_go_slower_it_sends_again_later(hub, member):
    hub.refuse = [{"code": "rate", "detail": "slow", "retry_ms": 1}, {"code": "busy", "detail": "", "retry_ms": 1}]
    async with client_of(member("ada")) as client:
        assert (await Writer(client, hub.channel("lounge")).send("one")).status == "stored"
        assert len(client.said) == 1
    assert hub.texts == ["one"]


async def test_closing_fails_what_was_not_sent(hub, member):
    async with client_of(member("ada")) as client:
        hub.refuse = [{"code": "busy", "detail": "", "retry_ms": 60_000}]
        answer = await Writer(client, hub.channel("lounge")).post("never")
        await hub.until(lambda: not hub.refuse)
    with pytest.raises(Stopped):
        await answer


# ----------------------------------------------------------------------------------------------------------- listening


async def test_resumes_over_cuts_without_loss_or_double(hub, member):
    lounge = hub.channel("lounge")
    async with client_of(member("ada")) as reader, client_of(member("bob")) as author:
        writer, subscription = Writer(author, lounge), everything(reader)
        found = []
        async with aclosing(subscription.events()) as events:
            await next_of(events, Live)
            for number in range(30):
                await writer.send(str(number))
                if number % 4 == 3:
                    await hub.cut()
                if number % 3 == 2:
                    found += [(await next_of(events, Deliver)).message for _ in range(3)]
        assert [message.body.decode() for message in found] == [f'{{"text":"{number}"}}' for number in range(30)]


async def test_goes_on_where_an_earlier_run_ended(hub, member):
    lounge, store = hub.channel("lounge"), member("ada")
    async with client_of(store) as client:
        writer = Writer(client, lounge)
        subscription = everything(client)
        async with aclosing(subscription.events()) as events:
            await next_of(events, Live)
        for text in ("one", "two", "three"):
            await writer.send(text)
        assert await texts(everything(client, start=subscription.progress.position()), 3) == ["one", "two", "three"]
        again = everything(client, start=subscription.progress.position())
        assert await texts(again, 2) == ["one", "two"]
        assert await texts(everything(client, start=again.progress.position()), 1) == ["three"]


async def test_listens_to_a_new_channel_from_its_first_message(hub, member):
    bob = member("bob")
    async with client_of(member("ada")) as reader, aclosing(everything(reader).events()) as events:
        await next_of(events, Live)
        channel = await hub.add_channel("new")
        await hub.say(bob, channel, "first")
        assert (await next_of(events, Deliver)).message.topic == channel


async def test_hears_what_was_said_before_the_hub_told_of_the_channel(hub, member):
    bob, lounge = member("bob"), hub.channel("lounge")
    async with client_of(member("ada")) as reader, aclosing(everything(reader).events()) as events:
        await next_of(events, Live)
        channel = Topic("chan", bytes(32))
        await hub.say(bob, channel, "first")
        await hub.say(bob, lounge, "overtakes")
        assert (await next_of(events, Deliver)).message.topic == lounge
        await hub.add_channel("new", channel)
        await hub.say(bob, channel, "second")
        assert [(await next_of(events, Deliver)).message.body for _ in range(2)] == [
            b'{"text":"first"}',
            b'{"text":"second"}',
        ]


async def test_a_hub_that_has_moved_is_found_by_its_document(hub, member):
    store = member("ada")
    store.update(lambda profile: replace(profile, ws="ws://127.0.0.1:1/ws/peer"))
    async with client_of(store) as client:
        await client.connected()
    assert store.load().ws == hub.ws


async def test_after_a_restore_it_fetches_what_it_missed(hub, member):
    lounge = hub.channel("lounge")
    async with client_of(member("ada")) as reader, client_of(member("bob")) as author:
        writer = Writer(author, lounge)
        subscription = everything(reader)
        async with aclosing(subscription.events()) as events:
            await next_of(events, Live)
            for text in ("one", "two"):
                await writer.send(text)
                assert await next_of(events, Deliver)
            hub.restore(1)
            await hub.cut()
            await writer.send("three")
            await next_of(events, Restarted)
            assert (await next_of(events, Deliver)).message.body == b'{"text":"three"}'
            await writer.send("four")
            assert (await next_of(events, Deliver)).message.body == b'{"text":"four"}'
        assert subscription.progress.position().store == b64encode(hub.store)


async def test_forged_messages_are_dropped_and_the_rest_comes(hub, member, caplog):
    lounge = hub.channel("lounge")
    async with client_of(member("ada")) as client:
        writer = Writer(client, lounge)
        async with aclosing(everything(client).events()) as events:
            await next_of(events, Live)
            hub.garble = True
            await writer.send("forged")
            hub.garble = False
            with caplog.at_level(logging.WARNING):
                await writer.send("real")
                assert (await next_of(events, Deliver)).message.body == b'{"text":"real"}'
    assert "not valid and was dropped" in caplog.text


async def test_topics_follow_more(hub, member):
    hub.page_size = 3
    for number in range(10):
        hub.channel(str(number))
    async with client_of(member("ada")) as client:
        rows = await client.call(lambda connection: connection.topics())
    assert len({row["topic"] for row in rows}) == len(rows) == 12


async def test_a_slow_reader_stops_the_socket_but_not_its_own_requests(hub, member, monkeypatch):
    monkeypatch.setattr("accord_client.connection.MAX_WAITING_EVENTS", 10)
    lounge = hub.channel("lounge")
    async with client_of(member("ada")) as client:
        writer = Writer(client, lounge)
        async with aclosing(everything(client).events()) as events:
            await next_of(events, Live)
            await asyncio.gather(*[await writer.post(str(number)) for number in range(100)])
            connection = await client.connected()
            assert len(connection._events) > 0
            assert await connection.topics()
            for _ in range(100):
                assert await next_of(events, Deliver)


# --------------------------------------------------------------------------------------------------------- the session


async def test_a_revoked_device_stops_for_good(hub, member):
    async with client_of(member("ada")) as client:
        await client.connected()
        await hub.cut(4403)
        with pytest.raises(Stopped, match="revoked"):
            await Writer(client, hub.channel("lounge")).send("x")
        assert client.state is State.STOPPED
    assert hub.logins == 1


async def test_a_removed_account_stops_for_good(hub, member):
    store = member("ada")
    hub.accounts.clear()
    async with client_of(store) as client:
        with pytest.raises(Stopped, match="removed"):
            await client.connected()


async def test_another_hub_key_stops_for_good_and_the_pin_stays(hub, member):
    store = member("ada")
    pinned = hub.key.public
    async with client_of(store) as client:
        await client.connected()
        hub.key = SigningKey.generate()
        await hub.cut()
        with pytest.raises(Stopped, match="the hub's key has changed"):
            await client.send(Composer(client.profile.user, now_ms).text(hub.channel("lounge"), "x"))
    assert store.load().hub == pinned


async def test_the_certificate_is_kept_and_renewed(hub, member):
    store = member("ada")
    async with client_of(store) as client:
        await client.connected()
    first = store.load().certificate
    async with client_of(store) as client:
        await client.connected()
    assert store.load().certificate == first
    day = 24 * 3600 * 1000
    old = fresh_certificate(store.load(), now_ms() - 2 * day)
    store.update(lambda profile: replace(profile, certificate=old))
    async with client_of(store) as client:
        await client.connected()
    assert store.load().certificate not in (old, None)
    assert store.load().certificate["expiration"] > now_ms()


async def test_a_certificate_that_the_hub_finds_expired_is_made_anew(hub, member, monkeypatch):
    store = member("ada")
    day = 24 * 3600 * 1000
    store.update(lambda profile: replace(profile, certificate=fresh_certificate(profile, now_ms() - 2 * day)))
    monkeypatch.setattr("accord_client.session.is_good", lambda *_: True)
    async with client_of(store) as client:
        await client.connected()
    assert hub.logins == 2


async def test_no_hub_is_a_reason_and_not_a_wait_without_end(member, hub):
    nowhere = "127.0.0.1:1"
    profile = replace(member("ada").load(), url=f"http://{nowhere}", ws=f"ws://{nowhere}/ws/peer")
    async with Client(profile, notice=lambda _: None, backoff=QUICK) as client:
        with pytest.raises(HubUnreachable, match="cannot be reached"):
            await client.connected_within(0.05)


async def test_connection_by_itself(hub, member):
    profile = member("ada").load()
    certificate = fresh_certificate(profile, now_ms())
    async with await connect(hub.ws, profile.device, certificate, hub.key.public) as connection:
        assert connection.hub == hub.key.public
        with pytest.raises(AccordError, match="conflict"):
            await connection.subscribe(topics=[hub.channel("x").name], since=99)
    assert connection.closed
    with pytest.raises(LoginRefused, match="denied"):
        await connect(hub.ws, SigningKey.generate(), None, hub.key.public)
    with pytest.raises(LoginRefused, match="wrong_server"):
        await connect(hub.ws, profile.device, certificate, SigningKey.generate().public)


def test_backoff_grows_to_its_limit():
    delays = Backoff(0.5, 30).delays()
    found = [next(delays) for _ in range(20)]
    assert 0.25 <= found[0] <= 0.5
    assert all(15 <= delay <= 30 for delay in found[8:])
