"""What this hub and others state of a topic's tree (protocol.md sections 3 and 5), for clients that recompute it.

Who knows other hubs registers itself in `askers`. Not here: asking them (links/roots.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from accord.topics import Topic
from messaging import trees
from peers.clock import now_ms
from peers.loop import loop_bridge

# Statements `root` of other hubs, from a horizon (ms) on; on the loop.
askers: list[Callable[[Topic, int], Awaitable[list[dict[str, Any]]]]] = []
_asking: set[asyncio.Task[None]] = set()


async def _ask(topic: Topic, horizon: int, future: Future[list[dict[str, Any]]]) -> None:
    found = await asyncio.gather(*(ask(topic, horizon) for ask in askers), return_exceptions=True)
    future.set_result([statement for one in found if isinstance(one, list) for statement in one])


def _begin(topic: Topic, horizon: int, future: Future[list[dict[str, Any]]]) -> None:
    task = asyncio.create_task(_ask(topic, horizon, future))
    _asking.add(task)
    task.add_done_callback(_asking.discard)


def root_statements(topic: Topic, horizon: int) -> list[dict[str, Any]]:
    """This hub's statement and those of linked hubs that hold the topic and answered, from a horizon (ms) on;
    AccordError("busy"). From a view's thread.
    """
    others: list[dict[str, Any]] = loop_bridge.wait(lambda future: _begin(topic, horizon, future)) if askers else []
    return [trees.root_statement(topic, now=now_ms(), horizon=horizon), *others]
