"""The outbox: jobs come with their messages and go with them, are done once, are tried again, are given up."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import transaction

from accord.encoding import b64encode
from accord.errors import AccordError
from invites.selectors import tally
from messaging import services as messaging_services
from messaging.admission import Right
from messaging.models import Message, Topic
from peers import options
from peers.clock import now_ms
from peers.models import Account
from plugins import services
from plugins.bot import NAMES, bot_key
from plugins.handlers import Handler
from plugins.hooks import wants
from plugins.models import Job
from plugins.running import Runner
from plugins.selectors import figures, signed_message
from tests.factories import Hub, admitted, deletion, envelope, ident_of, inbox, outcomes, person, row_of, store, take

pytestmark = pytest.mark.django_db

Add = Callable[[str], Handler]


def thing(hub: Hub, **fields: object) -> dict[str, object]:
    return envelope(hub.admin, hub.lounge, {"text": "x"}, type="test.thing", created_at=now_ms(), **fields)  # type: ignore[arg-type]


def put(value: dict[str, object]) -> bytes:
    assert take(value, now=now_ms()) == ["stored"]
    return ident_of(value)


def said() -> list[str]:
    """What the bot has said, in order."""
    rows = Message.objects.filter(author__key=bot_key().public, type="chat.text").order_by("cursor")
    return [json.loads(bytes(row.body or b"{}"))["text"] for row in rows]


def test_a_type_without_handlers_makes_no_job(hub: Hub, add: Add) -> None:
    add("shows")
    put(envelope(hub.admin, hub.lounge, "hello", created_at=now_ms()))
    put(envelope(hub.admin, hub.lounge, "see /remind 10m tea", created_at=now_ms()))
    assert not Job.objects.exists()
    put(thing(hub))
    assert Job.objects.get().handler == "shows"


def test_a_job_is_written_with_its_message_or_not_at_all(hub: Hub, add: Add) -> None:
    add("shows")
    with transaction.atomic():
        put(thing(hub))
        assert Job.objects.count() == 1
        transaction.set_rollback(True)
    assert not Job.objects.exists()
    value = thing(hub)
    assert take(value, value, now=now_ms()) == ["stored", "duplicate"]
    assert take(value, now=now_ms()) == ["duplicate"]
    assert Job.objects.count() == 1


def test_a_handler_gets_its_message_and_what_it_says_is_said_once(hub: Hub, add: Add, runner: Runner) -> None:
    add("shows")
    ident = put(thing(hub, tz=60))
    assert not runner.run_due()
    job = Job.objects.get()
    assert (job.state, job.tries, job.error) == ("done", 0, "")
    (shown,) = map(json.loads, said())
    assert (shown["id"], shown["type"], shown["author_name"]) == (b64encode(ident), "test.thing", "admin")
    assert (shown["topic"], shown["tz"], shown["body"]) == (hub.lounge.name, 60, {"text": "x"})
    # Done once more as after a crash whose end nobody saw: it says the same message, which is held.
    message = signed_message(job.message_id)
    assert message is not None
    Job.objects.update(state="waiting")
    deeds = [{"do": "say", "topic": hub.lounge.name, "text": said()[0], "reply_to": b64encode(ident)}]
    services.job_done(job=job, message=message, deeds=deeds, took_ms=1, now=now_ms())
    assert len(said()) == 1
    runner.run_due()
    assert len(said()) == 1


def test_what_fails_is_tried_again_given_up_and_run_again(hub: Hub, add: Add, runner: Runner) -> None:
    add("raises")
    put(thing(hub))
    waits = []
    for number in range(1, len(services.BACKOFF_SECONDS) + 1):
        before = now_ms()
        runner.run_due()
        job = Job.objects.get()
        assert (job.state, job.tries) == ("waiting", number)
        waits.append((job.due_at - before) / 1000)
        assert not runner.run_due(), "not before its time"
        assert Job.objects.get().tries == number
        Job.objects.update(due_at=now_ms())
    assert waits == pytest.approx(services.BACKOFF_SECONDS, rel=services.JITTER + 0.05, abs=1)
    runner.run_due()
    dead = Job.objects.get()
    assert dead.state == "dead"
    assert "this is broken" in dead.error
    assert said() == []
    assert figures(now=now_ms(), since=0)["raises"].dead == 1
    services.job_again(pk=dead.pk, now=now_ms())
    assert (Job.objects.get().state, Job.objects.get().tries) == ("waiting", 0)
    with pytest.raises(AccordError):
        services.job_again(pk=dead.pk, now=now_ms())
    services.job_drop(pk=dead.pk)
    assert not Job.objects.exists()


@pytest.mark.parametrize(("name", "error"), [("speaks", "not_found"), ("lies", "bad_request")])
def test_all_that_a_handler_wants_is_done_or_nothing(hub: Hub, add: Add, runner: Runner, name: str, error: str) -> None:
    add(name)
    put(thing(hub))
    runner.run_due()
    job = Job.objects.get()
    assert (job.state, job.tries, job.error.partition(":")[0]) == ("waiting", 1, error)
    assert said() == []
    assert not Account.objects.filter(name__in=NAMES).exists()


def test_what_is_put_off_runs_at_its_time(hub: Hub, add: Add, runner: Runner) -> None:
    add("recurs")
    put(thing(hub))
    runner.run_due()
    assert said() == ["number 0", "number 1", "number 2"]
    assert list(Job.objects.order_by("serial").values_list("serial", "state")) == [(n, "done") for n in range(3)]


def test_a_handler_that_is_off_makes_no_job_and_its_jobs_wait(hub: Hub, add: Add, runner: Runner) -> None:
    add("shows")
    put(thing(hub))
    options.load({"plugin_shows": "off"})
    put(thing(hub))
    runner.run_due()
    assert Job.objects.get().state == "waiting"
    options.load({})
    runner.run_due()
    assert Job.objects.get().state == "done"


def test_jobs_go_with_their_messages(hub: Hub, add: Add) -> None:
    add("shows")
    now = now_ms()
    burning = put(thing(hub, burn_at=now + 60_000))
    deleted, pruned, kept = put(thing(hub)), put(thing(hub)), put(thing(hub))
    assert Job.objects.count() == 4
    put(deletion(hub.admin, hub.lounge, deleted, created_at=now_ms()))
    messaging_services.messages_burn(now=now + 60_000)
    assert not Message.objects.filter(ident=burning).exists()
    assert Job.objects.count() == 3
    Message.objects.filter(ident=pruned)._raw_delete("default")  # as bulk deletes do it, past the ORM
    services.jobs_sweep(now=now_ms())
    assert Job.objects.get().message_id == row_of(kept).cursor


def test_nothing_is_done_for_a_message_that_has_gone_meanwhile(hub: Hub, add: Add, runner: Runner) -> None:
    add("shows")
    ident = put(thing(hub))
    job = Job.objects.get()
    message = signed_message(job.message_id)
    assert message is not None
    put(deletion(hub.admin, hub.lounge, ident, created_at=now_ms()))
    deeds = [{"do": "say", "topic": hub.lounge.name, "text": "late"}]
    services.job_done(job=job, message=message, deeds=deeds, took_ms=1, now=now_ms())
    assert said() == []
    assert not Job.objects.exists()


def test_what_is_said_burns_with_what_it_is_about(hub: Hub, add: Add, runner: Runner) -> None:
    add("shows")
    burn_at = now_ms() + 3_600_000
    put(thing(hub, burn_at=burn_at))
    runner.run_due()
    assert Message.objects.get(author__key=bot_key().public, type="chat.text").burn_at == burn_at


def test_done_jobs_are_forgotten_after_a_while(hub: Hub, add: Add, runner: Runner) -> None:
    add("shows")
    put(thing(hub))
    runner.run_due()
    services.jobs_sweep(now=now_ms())
    assert Job.objects.exists()
    services.jobs_sweep(now=now_ms() + services.DONE_KEPT_MS + 1_000)
    assert not Job.objects.exists()


def test_what_a_handler_never_gets(hub: Hub, add: Add) -> None:
    handler = add("shows")
    now = now_ms()
    alice, bob = hub.member("alice"), hub.member("bob")

    def gets(value: dict[str, object]) -> bool:
        return wants(handler, admitted(value, now=now).message, now)

    def made(author: object, to: object, **fields: object) -> dict[str, object]:
        return envelope(author, to, {"text": "x"}, type="test.thing", **{"created_at": now, **fields})  # type: ignore[arg-type]

    assert gets(made(alice, hub.lounge))
    assert not gets(made(alice, inbox(bob))), "inboxes of members are never read"
    assert not gets(made(alice, hub.lounge, created_at=now - 2 * 24 * 3_600_000)), "what is old"
    assert not gets(made(bot_key(), hub.lounge)), "what the bot says itself"
    assert not gets(made(alice, hub.lounge, crit=["tz"])), "what need not be understood"
    foreign = Topic.objects.create(kind="chan", ident=b"f" * 32, hub=b"h" * 32)
    assert not gets(made(alice, f"chan:{b64encode(bytes(foreign.ident))}")), "channels of other hubs"
    value = envelope(
        person("nick"), hub.lounge, {"text": "/remind 1m x", "author": "n", "source": "s"}, type="import.text"
    )
    assert outcomes(store(admitted(value, Right.IMPORT))[0]) == ["stored"]
    assert not Job.objects.exists()


def test_escapes_do_not_hide_a_command(hub: Hub) -> None:
    for number, body in enumerate(
        [b'{"text":"\\/remind 1m tea"}', b'{"text":"\\u002fremind 1m tea"}', b'{ "text" : "/remind" }']
    ):
        put(envelope(hub.admin, hub.lounge, body, created_at=now_ms() + number))
    assert Job.objects.filter(handler="remind").count() == 3


def test_the_bot_has_an_account_within_the_capacity(hub: Hub, add: Add, runner: Runner) -> None:
    hub.member(NAMES[0])  # the name is taken
    before = tally()
    add("shows")
    put(thing(hub))
    runner.run_due()
    after = tally()
    assert after.accounts + after.unspent == after.capacity == before.capacity
    assert after.accounts == before.accounts + 1
    account = Account.objects.get(user__key=bot_key().public)
    assert (account.name, account.kind, account.messages_used) == (NAMES[1], "real", 2)
    put(thing(hub))
    runner.run_due()
    assert tally() == after


def test_without_a_place_for_the_bot_the_job_waits(hub: Hub, add: Add, runner: Runner) -> None:
    from console.services import capacity_set

    capacity_set(capacity=0)
    add("shows")
    put(thing(hub))
    runner.run_due()
    assert "raise the capacity" in Job.objects.get().error
    capacity_set(capacity=5)
    Job.objects.update(due_at=now_ms())
    runner.run_due()
    assert Job.objects.get().state == "done"


def test_ids_follow_from_the_job(hub: Hub) -> None:
    from plugins.bot import Voice

    put(thing(hub))
    services.account_ensure(now=now_ms())
    at = now_ms()
    idents = []
    for serial in (0, 0, 1):
        voice = Voice(handler="h", message=b"m" * 32, serial=serial, at=at, burn_at=None, now=at)
        idents += [voice.say("chat.text", hub.lounge.name, {"text": "same"}) for _ in range(2)]
    assert idents[:2] == idents[2:4]
    assert len(set(idents)) == 4
