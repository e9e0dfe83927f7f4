"""The handlers that come with the hub, run as any plugin's: in their own process, over the tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accord.encoding import b64encode
from accord.invites import new_link, parse_link
from accord.keys import SigningKey
from accord.topics import Topic
from messaging.models import Message
from peers import options
from peers.clock import now_ms
from plugins.bot import account_ensure, bot_key
from plugins.builtin.poll import DIGITS
from plugins.builtin.remind import MAX_WAITING
from plugins.models import Job, Proposal
from plugins.running import Runner
from plugins.selectors import proposed_link
from tests.factories import Hub, deletion, envelope, ident_of, inbox, person, take

pytestmark = pytest.mark.django_db


def say(author: SigningKey, to: Topic, text: str, **fields: Any) -> bytes:
    value = envelope(author, to, text, created_at=fields.pop("created_at", now_ms()), **fields)
    assert take(value, now=now_ms()) == ["stored"]
    return ident_of(value)


def heard(to: Topic) -> list[tuple[str, dict[str, Any]]]:
    """(text, header) of what the bot has said there, in order."""
    rows = Message.objects.filter(
        author__key=bot_key().public, type="chat.text", topic__kind=to.kind, topic__ident=to.ident
    ).order_by("cursor")
    return [(json.loads(bytes(row.body or b""))["text"], json.loads(bytes(row.header))) for row in rows]


def let_pass() -> None:
    """What waits for its time is due now."""
    Job.objects.filter(state="waiting").update(due_at=now_ms(), at=now_ms())


def test_a_reminder_is_taken_and_said_to_its_author(hub: Hub, runner: Runner) -> None:
    alice = hub.member("alice")
    asked = say(alice, hub.lounge, "/remind 1h30m put the kettle on", tz=120)
    runner.run_due()
    ((taken, header),) = heard(hub.lounge)
    assert taken.startswith("I will, on ")
    assert header["attention_messages"] == [b64encode(asked)]
    job = Job.objects.get(serial=1)
    assert abs(job.due_at - now_ms() - 90 * 60_000) < 20_000
    runner.run_due()
    assert len(heard(hub.lounge)) == 1, "not before its time"
    let_pass()
    runner.run_due()
    text, header = heard(hub.lounge)[1]
    assert text == "@alice ⏰ put the kettle on"
    assert header["attention_keys"] == [b64encode(alice.public)]


def test_deleting_the_command_calls_it_off(hub: Hub, runner: Runner) -> None:
    asked = say(hub.admin, hub.lounge, "/remind 10m tea")
    runner.run_due()
    assert take(deletion(hub.admin, hub.lounge, asked, created_at=now_ms()), now=now_ms()) == ["stored"]
    let_pass()
    runner.run_due()
    assert len(heard(hub.lounge)) == 1
    assert not Job.objects.filter(serial=1).exists()


@pytest.mark.parametrize("text", ["/remind", "/remind soon tea", "/remind 10m", f"/remind 10m {'x' * 1_001}"])
def test_what_is_no_reminder_is_explained(hub: Hub, runner: Runner, text: str) -> None:
    say(hub.admin, hub.lounge, text)
    runner.run_due()
    assert len(heard(hub.lounge)) == 1
    assert not Job.objects.filter(serial__gt=0).exists()


def test_other_commands_are_left_alone(hub: Hub, runner: Runner) -> None:
    say(hub.admin, hub.lounge, "/reminder 10m tea")
    say(hub.admin, hub.lounge, "/polls | a | b", created_at=now_ms() + 1)
    runner.run_due()
    assert heard(hub.lounge) == []


def test_the_bot_answers_a_direct_message_directly(hub: Hub, runner: Runner) -> None:
    alice = hub.member("alice")
    account_ensure(now=now_ms())
    say(alice, inbox(bot_key()), "/remind 10m tea")
    runner.run_due()
    let_pass()
    runner.run_due()
    assert [text for text, _ in heard(inbox(alice))][1:] == ["⏰ tea"]


def test_a_person_has_only_so_many_reminders(hub: Hub, runner: Runner) -> None:
    now = now_ms()
    for number in range(MAX_WAITING + 1):
        say(hub.admin, hub.lounge, "/remind 10m tea", created_at=now - number)
    while runner.run_due():
        pass
    assert Job.objects.filter(serial=1).count() == MAX_WAITING
    assert sum("wait already" in text for text, _ in heard(hub.lounge)) == 1


def react(author: SigningKey, to: Topic, ident: bytes, emoji: str, *, at: int, off: bool = False) -> None:
    body = {"emoji": emoji, "off": True} if off else {"emoji": emoji}
    value = envelope(author, to, body, type="chat.react", refs=[("react", ident)], created_at=at)
    assert take(value, now=now_ms()) == ["stored"]


def poll_ident() -> bytes:
    return bytes(Message.objects.filter(author__key=bot_key().public, type="chat.text").latest("cursor").ident)


def test_a_poll_is_asked_answered_and_counted(hub: Hub, runner: Runner) -> None:
    alice, bob, carol = (hub.member(name) for name in ("alice", "bob", "carol"))
    say(alice, hub.lounge, "/poll  Where to?|the sea |  the   hills | home")
    runner.run_due()
    ((text, header),) = heard(hub.lounge)
    assert text.split("\n") == ["📊 Where to?", "1️⃣ the sea", "2️⃣ the hills", "3️⃣ home"]
    ident, now = poll_ident(), now_ms()
    assert Message.objects.filter(author__key=bot_key().public, type="chat.react").count() == 3
    react(alice, hub.lounge, ident, DIGITS[1], at=now)
    react(bob, hub.lounge, ident, DIGITS[1].replace("\ufe0f", ""), at=now + 1)
    react(bob, hub.lounge, ident, DIGITS[0], at=now + 2)
    react(bob, hub.lounge, ident, DIGITS[0], at=now + 3, off=True)
    react(carol, hub.lounge, ident, "🎉", at=now + 4)
    say(bob, hub.lounge, "/poll close", created_at=now + 5)  # not his
    say(alice, hub.lounge, "/poll close", created_at=now + 6)
    say(alice, hub.lounge, "/poll close", created_at=now + 7)  # closed already
    runner.run_due()
    refused, (closed, closing), again = heard(hub.lounge)[1:]
    assert refused[0] == again[0] == "I see no open poll of yours here."
    assert closed.split("\n") == [
        "📊 Closed: Where to?", "1️⃣ the sea: 0", "2️⃣ the hills: 2 ✔", "3️⃣ home: 0", "2 people have answered.",
    ]  # fmt: skip
    assert closing["attention_messages"] == [b64encode(ident)]
    assert header["attention_keys"] == [b64encode(alice.public)]


def test_of_two_polls_the_one_that_is_answered_is_closed(hub: Hub, runner: Runner) -> None:
    now = now_ms()
    say(hub.admin, hub.lounge, "/poll first | a | b", created_at=now)
    runner.run_due()
    first = poll_ident()
    say(hub.admin, hub.lounge, "/poll second | a | b", created_at=now + 100)
    runner.run_due()
    say(hub.admin, hub.lounge, "/poll close", created_at=now + 200, answers=[first])
    runner.run_due()
    assert heard(hub.lounge)[-1][0].startswith("📊 Closed: first")
    say(hub.admin, hub.lounge, "/poll close", created_at=now + 300)
    runner.run_due()
    assert heard(hub.lounge)[-1][0].startswith("📊 Closed: second\n")
    assert heard(hub.lounge)[-1][0].endswith("Nobody has answered.")


@pytest.mark.parametrize("text", ["/poll", "/poll what", "/poll what | a", "/poll | a | b", f"/poll what{'| a' * 11}"])
def test_what_is_no_poll_is_explained(hub: Hub, runner: Runner, text: str) -> None:
    say(hub.admin, hub.lounge, text)
    runner.run_due()
    assert heard(hub.lounge)[0][0].startswith("/poll Where to?")


def join(hub: Hub, name: str) -> SigningKey:
    new, temporary, now = person(f"{name} herself"), person(f"invite of {name}"), now_ms()
    added = hub.add_user(hub.admin, temporary.public, f"guest-{name}", kind="temp", created_at=now)
    assert take(added, now=now) == ["stored"]
    assert take(hub.claim(temporary, new, name, created_at=now), now=now) == ["stored"]
    return new


def test_a_newcomer_is_welcomed(hub: Hub, runner: Runner) -> None:
    new = join(hub, "alice")
    runner.run_due()
    ((text, _),) = heard(inbox(new))
    assert text.startswith("Welcome to Accord Hub!")
    options.load({"plugin_welcome_where": "lounge", "plugin_welcome_text": "hello from {hub}"})
    other = join(hub, "bob")
    runner.run_due()
    ((text, header),) = heard(hub.lounge)
    assert text == "@bob hello from Accord Hub"
    assert header["attention_keys"] == [b64encode(other.public)]
    options.load({"plugin_welcome": "off"})
    third = join(hub, "carol")
    runner.run_due()
    assert heard(inbox(third)) == []


def test_a_link_to_another_hub_is_proposed_once(hub: Hub, runner: Runner) -> None:
    alice, bob = hub.member("alice"), hub.member("bob")
    link, own = new_link("https://there.example", b"k" * 32), new_link("https://here.example", hub.key)
    say(alice, inbox(hub.admin), f"join us: {link}, or {own}!")
    say(bob, inbox(hub.admin), str(new_link("https://there.example", b"k" * 32)))
    say(alice, inbox(bob), str(new_link("https://other.example", b"o" * 32)))
    say(alice, hub.lounge, str(new_link("https://other.example", b"o" * 32)), created_at=now_ms() + 1)
    runner.run_due()
    proposal = Proposal.objects.get()
    assert parse_link(proposed_link(proposal) or "").hub == b"k" * 32
    assert (proposal.origin, bytes(proposal.hub), proposal.is_open) == ("https://there.example", b"k" * 32, True)
