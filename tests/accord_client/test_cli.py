"""The program: what it prints, what it exits with, how it takes signals and closed pipes."""

import asyncio
import contextlib
import json
import signal
import sys
from types import SimpleNamespace

import pytest

from accord import vouchers
from accord.encoding import b64encode
from accord.keys import SigningKey
from accord.topics import Topic
from accord_client.cli import main
from accord_client.commands import conversation
from accord_client.listen import Choice
from accord_client.profile import Position
from accord_client.session import now_ms


class Program:
    """`accord ...` running; its lines as they come."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, *arguments):
        pipe = asyncio.subprocess.PIPE
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # where the tests run in the background it is ignored
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "accord_client.cli", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
            )
        finally:
            signal.signal(signal.SIGINT, before)
        return cls(process)

    async def line(self):
        return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def end(self, given=b""):
        """Standard input, then the exit code, what was printed, and what was said on standard error."""
        out, errors = await self.process.communicate(given)
        return self.process.returncode, out.decode(), errors.decode()


@pytest.fixture
def accord(capsys):
    """Run the program in a thread of this process, which is quicker: exit code, output, errors."""

    async def run(*arguments):
        code = await asyncio.to_thread(main, list(arguments))
        return code, *capsys.readouterr()

    return run


@pytest.fixture
async def lounge(hub):
    return hub.channel("lounge")


async def test_join_send_history(hub, home, lounge, accord):
    code, out, errors = await accord("join", str(hub.invite()), "--name", "Ada")
    assert (code, out, errors) == (0, f"joined {hub.url} as ada\n", "")
    code, out, errors = await accord("send", "--json", "hello", "@ada")
    assert (code, errors) == (0, "")
    assert json.loads(out)["status"] == "stored"
    assert hub.log[-1][1].attention_keys == list(hub.accounts)
    assert (await accord("send", "--reply", json.loads(out)["uuid"], "--burn", "3600", "yes"))[0] == 0
    assert hub.log[-1][1].attention_messages == [hub.log[-2][1].id]
    assert hub.log[-1][1].burn_at == hub.log[-1][1].created_at + 3_600_000
    code, out, errors = await accord("history")
    lines = out.splitlines()
    assert (code, errors, len(lines)) == (0, "", 2)
    assert lines[0].endswith(" ada: hello @ada")
    assert ' ada: [to ada: "hello @ada"] yes (burns in ' in lines[1]
    answer = b64encode(hub.log[-1][1].id)
    assert (await accord("history", "--before", answer))[1].splitlines() == lines[:1]
    assert (await accord("history", "--before", "yesterday"))[0] == 1
    assert "usage" not in (await accord("history", "--before", "-" * 43))[2]  # an id, if none of this hub


async def test_lines_of_standard_input_in_order(hub, member, lounge):
    member("default")
    given = b"".join(b"line %d\r\n" % number for number in range(500)) + b"\n\nlast"
    code, out, errors = await (await Program.start("send", "--json")).end(given)
    assert (code, errors) == (0, "")
    assert hub.texts == [*(f"line {number}" for number in range(500)), "last"]
    assert [json.loads(line)["id"] for line in out.splitlines()] == [b64encode(message.id) for _, message, _ in hub.log]
    times = [message.created_at for _, message, _ in hub.log]
    assert times == sorted(set(times))


async def test_a_refused_message_is_exit_code_1_and_one_line(hub, member, lounge, accord):
    member("default")
    hub.refuse = [{"code": "quota", "detail": "none left"}]
    code, out, errors = await accord("send", "too \x1b[1mmuch")
    assert (code, out, errors) == (1, "", 'accord: not sent: "too much" (quota)\n')


async def test_listen_and_go_on_later(hub, member, lounge, accord):
    member("default")
    bob = member("bob")
    listener = await Program.start("listen", "--count", "1", "#lounge")
    await hub.until(lambda: any(frame["type"] == "subscribe" for frame in hub.frames))
    await hub.say(bob, lounge, "one")
    code, out, errors = await listener.end()
    assert (code, errors) == (0, "")
    assert out.endswith(" #lounge bob: one\n")
    await hub.say(bob, lounge, "two\x1b[2J\nthree")
    code, out, errors = await accord("listen", "--since-last", "--count", "1", "lounge")
    assert out.endswith(" #lounge bob: two\n    three\n")


async def test_listen_survives_a_cut_and_ends_with_0_when_interrupted(hub, member, lounge):
    member("default")
    bob = member("bob")
    listener = await Program.start("listen", "--json")
    await hub.until(lambda: any(frame["type"] == "subscribe" for frame in hub.frames))
    for number in range(3):
        await hub.cut()
        await hub.say(bob, lounge, str(number))
    for number in range(3):
        value = json.loads(await listener.line())
        assert value["body"] == {"text": str(number)}
        assert (value["cursor"], value["name"], value["topic"]) == (number + 2, "bob", lounge.name)  # after a box key
    listener.process.send_signal(signal.SIGINT)
    assert await listener.end() == (0, "", "")


async def test_terminated_it_keeps_its_position(hub, member, lounge):
    store = member("default")
    listener = await Program.start("listen")
    await hub.until(lambda: any(frame["type"] == "subscribe" for frame in hub.frames))
    await hub.say(store, lounge, "one")
    assert (await listener.line()).endswith(" #lounge default: one")
    listener.process.send_signal(signal.SIGTERM)
    assert (await listener.end())[0] == 0
    position = store.load().positions["*"]
    assert position == Position(b64encode(hub.store), 2, position.at)  # after the box key of its device
    assert position.at >= hub.log[0][1].created_at


async def test_a_broken_pipe_ends_quietly(hub, member, lounge):
    store = member("default")
    listener = await Program.start("listen")
    await hub.until(lambda: any(frame["type"] == "subscribe" for frame in hub.frames))
    listener.process.stdout._transport.close()
    while listener.process.returncode is None:  # the first may come before the hub has noted the subscription
        await hub.say(store, lounge, "more")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listener.process.wait(), 0.1)
    assert (listener.process.returncode, await listener.process.stderr.read()) == (0, b"")


async def test_conversations(hub, member, lounge, accord):
    member("default")
    member("bob")
    listener = await Program.start("listen", "@bob", "--count", "2")
    await hub.until(lambda: any(frame["type"] == "subscribe" for frame in hub.frames))
    await accord("send", "in the open")
    await accord("send", "--to", "@bob", "psst")
    await accord("--profile", "bob", "send", "--openly", "--to", "@default", "yes?")
    out = (await listener.end())[1].splitlines()
    assert [line.split(" ", 1)[1] for line in out] == ["@bob default: psst", "@default bob: yes?"]
    out = (await accord("history", "@bob"))[1].splitlines()
    assert [line.split(" ", 1)[1] for line in out] == ["default: psst", "bob: yes?"]


async def test_follow_and_whoami(hub, member, accord):
    member("default")
    bob = member("bob").load().user.public
    assert (await accord("follow", "BOB"))[:2] == (0, "following bob\n")
    assert b64encode(bob) in (await accord("follow"))[1]
    assert (await accord("follow", "nobody"))[2] == "accord: nobody here is called 'nobody'\n"
    assert (await accord("unfollow", "bob"))[0] == 0
    assert (await accord("follow"))[1] == ""
    code, out, errors = await accord("whoami", "--json")  # this hub answers no such question
    assert (code, json.loads(out)["name"]) == (0, "default")
    assert "allowance" not in json.loads(out)
    assert "what you may store there is not known" in errors


@pytest.mark.parametrize("key", [SigningKey(bytes(32)).public, b"\xfb" + bytes(31)])  # the second begins with a dash
async def test_vouch(hub, member, accord, key):
    profile = member("default").load()
    code, out, errors = await accord("vouch", b64encode(key), "--days", "30", "--to", "@Bob")
    text, link = out.splitlines()
    assert (code, errors, link) == (0, "", f"{hub.url}/to/bob#voucher={text}")
    voucher = vouchers.verify_voucher(vouchers.read_voucher(text), hub=profile.hub, stranger=key, now=now_ms())
    assert voucher.user == profile.user.public
    assert (await accord("vouch", b64encode(key)))[1].splitlines()[1].startswith(f"{hub.url}/to/default#voucher=")
    assert (await accord("vouch", "bob"))[0] == 1
    assert (await accord("vouch", b64encode(profile.user.public)))[0] == 1


@pytest.mark.parametrize(
    "arguments", [["whoami"], ["send", "x"], ["listen"], ["history"], ["follow"], ["token"], ["sign", "x"]]
)
def test_without_an_account_it_is_exit_code_3(home, arguments, capsys):
    assert main(arguments) == 3
    assert capsys.readouterr().err.startswith("accord: no profile 'default' yet")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["send", "--burn", "0", "x"], ["listen", "--count", "x"]])
def test_wrong_usage_is_exit_code_2(home, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_choice_takes_its_own_and_no_more():
    me, ada, bob = (bytes([number]) * 32 for number in range(3))
    choice = Choice(me, frozenset({Topic("chan", bob)}), frozenset({ada}))

    def taken(topic, author):
        return choice.takes(SimpleNamespace(topic=topic, author=author))

    assert taken(Topic("chan", bob), bob)
    assert taken(Topic("user", me), ada)
    assert taken(Topic("user", ada), me)
    assert not taken(Topic("user", me), bob)
    assert not taken(Topic("user", bob), me)
    assert not taken(Topic("chan", ada), ada)
    assert conversation(Topic("user", ada), me)
    assert not conversation(Topic("user", me), me)
