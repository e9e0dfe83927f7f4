"""Runs what is due: a handler gets its message in the process of the handlers, and what it wants is done with its job
in one transaction (services.job_done).

At least once: a job stays until it is done or given up, whatever is killed. Not twice: nothing of what a handler wants
is done before all of it is, in the transaction that ends the job. One thread at a time runs jobs; the rows say what is
left.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.messages import Message as SignedMessage
from peers.clock import now_ms
from peers.options import HUB_NAME
from plugins import selectors
from plugins.bot import bot_key
from plugins.handlers import Refused
from plugins.installed import active, handlers
from plugins.models import Job
from plugins.services import job_done, job_drop, job_failed
from plugins.worker import HandlerFailed, Worker

logger = logging.getLogger(__name__)

SLICE_SECONDS: Final = 2.0  # then other tasks have their turn
STEP: Final = 20


class Runner:
    """The one that runs jobs in this process; `running` is the job under way and since when (ms), for the console."""

    def __init__(self) -> None:
        self._worker = Worker()
        self._lock = threading.Lock()
        self.running: tuple[Job, int] | None = None

    def run_due(self) -> bool:
        """Run what is due, for about SLICE_SECONDS; whether more is due."""
        if not self._lock.acquire(blocking=False):
            return False  # another thread is at it, and sees to the end
        try:
            until = time.monotonic() + SLICE_SECONDS
            while jobs := selectors.due(active(), now=now_ms(), limit=STEP):
                for job in jobs:
                    if time.monotonic() > until:
                        return True
                    self._run(job)
            self._worker.end_idle()
            return False
        finally:
            self._lock.release()

    def end(self) -> None:
        """End the process of the handlers."""
        self._worker.end()

    @property
    def pid(self) -> int | None:
        """Of the process of the handlers, if there is one."""
        return self._worker.pid

    def _run(self, job: Job) -> None:
        message = selectors.signed_message(job.message_id)
        if message is None:
            job_drop(pk=job.pk)
            return
        began, now = time.monotonic(), now_ms()
        self.running = job, now
        try:
            deeds = self._worker.run(_work(job, message, now), _Answers(job, message, now))
            job_done(job=job, message=message, deeds=deeds, took_ms=_ms_since(began), now=now_ms())
        except (HandlerFailed, AccordError) as error:
            told = str(error) if isinstance(error, HandlerFailed) else f"{error.code}: {error.detail}"
            logger.warning("the handler %s failed on message %d", job.handler, job.message_id)
            job_failed(job=job, error=told, took_ms=_ms_since(began), now=now_ms())
        finally:
            self.running = None


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _work(job: Job, message: SignedMessage, now: int) -> dict[str, Any]:
    installed = handlers[job.handler]
    context = {
        "settings": installed.values(),
        "data": orjson.loads(job.data) if job.data else None,
        "now": max(now, job.at),
        "me": b64encode(bot_key().public),
        "hub_name": HUB_NAME.value,
    }
    return {"source": installed.source, "message": selectors.shown([message])[0], "context": context}


class _Answers:
    """What a handler may ask for while it runs: of the open channel of its message, and nothing else."""

    def __init__(self, job: Job, message: SignedMessage, now: int) -> None:
        self._job, self._message, self._now = job, message, now

    def __call__(self, what: str, about: Mapping[str, Any]) -> Any:
        try:
            return self._answer(what, about)
        except RemoteError as error:
            raise Refused(error.detail) from error

    def _answer(self, what: str, about: Mapping[str, Any]) -> Any:
        if what == "waiting":
            return selectors.waiting_for(self._job.handler, self._message.author)
        if what == "channel":
            return selectors.channel_named(str(about.get("name")))
        topic = self._message.topic
        if topic.kind != "chan":
            raise Refused("only what is in open channels can be read")
        if what == "message":
            found = selectors.message_in(topic, b64decode(about.get("id"), 32), now=self._now)
            return None if found is None else selectors.shown([found])[0]
        if what == "said":
            return selectors.shown(selectors.said_in(topic, bot_key().public, now=self._now))
        if what == "reactions":
            return selectors.reactions_to(topic, b64decode(about.get("id"), 32), now=self._now)
        raise Refused(f"there is nothing called {what}")


runner = Runner()
atexit.register(runner.end)
