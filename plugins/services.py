"""Writes of plugins: what a handler wants done is done in one transaction with its job, so it is done once."""

from __future__ import annotations

import secrets
from typing import Any, Final

import orjson
from django.db import transaction
from django.db.models import Exists, OuterRef

from accord import fields
from accord.errors import AccordError, RemoteError
from accord.fields import Check, Field, optional
from accord.invites import parse_link
from accord.message_types import MAX_EMOJI_CHARS
from accord.messages import MAX_ATTENTION_KEYS
from accord.messages import Message as SignedMessage
from messaging.models import Message
from peers.keyring import keyring
from plugins.bot import Voice, account_ensure, say_text
from plugins.handlers import MAX_DATA_BYTES, MAX_DEEDS, MAX_LATER_MS
from plugins.models import Job, Proposal

BACKOFF_SECONDS: Final = (10, 60, 300, 1_800)  # after the first, second ... failure; then it is given up
JITTER: Final = 0.2
DONE_KEPT_MS: Final = 36 * 3600 * 1000
MAX_TEXT_CHARS: Final = 16_000
MAX_ERROR_CHARS: Final = 2_000
MAX_REACTIONS: Final = 20
MAX_OPEN_PROPOSALS: Final = 20

_say: Final[dict[str, Field | Check]] = {
    "do": fields.exactly("say"),
    "topic": fields.text(100, 1),
    "text": fields.text(MAX_TEXT_CHARS, 1),
    "reply_to": optional(fields.text(43, 43)),
    "mentions": optional(fields.list_of(fields.text(43, 43), MAX_ATTENTION_KEYS)),
    "reactions": optional(fields.list_of(fields.text(MAX_EMOJI_CHARS, 1), MAX_REACTIONS)),
}
_link: Final[dict[str, Field | Check]] = {"do": fields.exactly("propose_link"), "link": fields.text(1_000, 1)}


@transaction.atomic
def job_done(*, job: Job, message: SignedMessage, deeds: list[Any], took_ms: int, now: int) -> None:
    """Do all that a handler wants and note that its job is done, or nothing of it: AccordError, with what was refused.

    Nothing is done either when the job or its message has gone meanwhile.
    """
    held = Message.objects.filter(pk=job.message_id, body__isnull=False).exists()
    waits = Job.objects.filter(pk=job.pk, state=Job.State.WAITING)
    if not held or not waits.update(state=Job.State.DONE, due_at=now, took_ms=took_ms, error=""):
        waits.delete()
        return
    if len(deeds) > MAX_DEEDS:
        raise RemoteError("too_big", f"a handler does at most {MAX_DEEDS} things in a run")
    voice = Voice(
        handler=job.handler,
        message=message.id,
        serial=job.serial,
        at=max(job.at, message.created_at + 1),
        burn_at=message.burn_at,
        now=now,
    )
    for deed in deeds:
        _do(deed, job, message, voice, now)


def _do(deed: Any, job: Job, message: SignedMessage, voice: Voice, now: int) -> None:
    kind = deed.get("do") if type(deed) is dict else None
    if kind == "say":
        said = fields.read({name: value for name, value in deed.items() if value not in (None, [])}, _say, "say")
        account_ensure(now=now)
        say_text(
            voice,
            said["topic"],
            said["text"],
            reply_to=said.get("reply_to"),
            mentions=said.get("mentions", []),
            reactions=said.get("reactions", []),
        )
    elif kind == "later":
        _put_off(deed, job, now)
    elif kind == "propose_link":
        _propose(fields.read(deed, _link, "propose_link")["link"], message, now)
    else:
        raise RemoteError("unsupported", "a handler wanted something that is not known here")


def _put_off(deed: dict[str, Any], job: Job, now: int) -> None:
    at, data = deed.get("at"), deed.get("data")
    if type(at) is not int or at > now + MAX_LATER_MS or type(data) is not dict:
        raise RemoteError("bad_request", "later: a time within a year, and an object")
    kept = orjson.dumps(data)
    if len(kept) > MAX_DATA_BYTES:
        raise RemoteError("too_big", f"later: at most {MAX_DATA_BYTES} bytes of data")
    newest = Job.objects.filter(message=job.message_id, handler=job.handler).order_by("-serial")
    serial = newest.values_list("serial", flat=True)[0] + 1
    Job.objects.create(
        message_id=job.message_id,
        handler=job.handler,
        serial=serial,
        at=max(at, now),
        due_at=max(at, now),
        data=kept.decode(),
    )


def _propose(text: str, message: SignedMessage, now: int) -> None:
    link = parse_link(text)
    waiting = Proposal.objects.filter(is_open=True)
    if link.hub == keyring().hub.public or len(link.origin) > 255 or waiting.count() >= MAX_OPEN_PROPOSALS:
        return
    cursor = Message.objects.values_list("pk", flat=True).get(ident=message.id)
    if not waiting.filter(hub=link.hub).exists():
        Proposal.objects.get_or_create(message_id=cursor, hub=link.hub, defaults={"origin": link.origin, "at": now})


def job_failed(*, job: Job, error: str, took_ms: int, now: int) -> None:
    """Note a failure: the job is tried again later, or given up after the last try."""
    state, due_at = Job.State.DEAD, now
    if job.tries < len(BACKOFF_SECONDS):
        state = Job.State.WAITING
        wait_ms = BACKOFF_SECONDS[job.tries] * 1_000
        spread_ms = int(wait_ms * JITTER)
        due_at = now + wait_ms + secrets.randbelow(2 * spread_ms) - spread_ms
    Job.objects.filter(pk=job.pk, state=Job.State.WAITING).update(
        state=state, due_at=due_at, tries=job.tries + 1, error=error[:MAX_ERROR_CHARS], took_ms=took_ms
    )


def job_drop(*, pk: int) -> None:
    """Forget a job."""
    Job.objects.filter(pk=pk).delete()


def job_again(*, pk: int, now: int) -> None:
    """Try a dead job again, from the first try on; AccordError("not_found"). It has said nothing yet, so what it will
    say bears the time of now.
    """
    dead = Job.objects.filter(pk=pk, state=Job.State.DEAD)
    if not dead.update(state=Job.State.WAITING, tries=0, error="", at=now, due_at=now):
        raise AccordError("not_found", "the job is not there any more, or waits already")


def proposal_close(*, pk: int) -> None:
    """The operator has decided about a proposal."""
    Proposal.objects.filter(pk=pk).update(is_open=False)


def jobs_sweep(*, now: int) -> None:
    """Forget what was done a while ago, and all about messages that are not held any more, or without their body."""
    Job.objects.filter(state=Job.State.DONE, due_at__lt=now - DONE_KEPT_MS).delete()
    held = Message.objects.filter(pk=OuterRef("message_id"), body__isnull=False)
    for model in (Job, Proposal):
        model._default_manager.filter(~Exists(held)).delete()
