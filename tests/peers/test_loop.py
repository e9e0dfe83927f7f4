"""From a view's thread to the loop and back."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from accord.errors import AccordError
from peers import loop
from peers.loop import LoopBridge


@pytest.fixture
async def bridge() -> LoopBridge:
    bridge = LoopBridge()
    bridge.open()
    return bridge


async def test_a_call_runs_on_the_loop(bridge: LoopBridge) -> None:
    here = threading.get_ident()
    assert await asyncio.to_thread(bridge.call, threading.get_ident) == here
    assert await asyncio.to_thread(bridge.call, max, 1, 2) == 2


async def test_what_is_raised_there_is_raised_here(bridge: LoopBridge) -> None:
    def fail() -> None:
        raise AccordError("quota", "no more")

    with pytest.raises(AccordError, match="quota: no more"):
        await asyncio.to_thread(bridge.call, fail)


async def test_an_answer_may_come_later(bridge: LoopBridge) -> None:
    running = asyncio.get_running_loop()

    def begin(future: Future[str]) -> None:
        running.call_later(0.01, future.set_result, "later")

    assert await asyncio.to_thread(bridge.wait, begin) == "later"


async def test_a_stop_lets_go_of_who_waits(bridge: LoopBridge) -> None:
    begun = asyncio.Event()
    waiting = asyncio.create_task(asyncio.to_thread(bridge.wait, lambda future: begun.set()))
    await begun.wait()
    bridge.close()
    with pytest.raises(AccordError, match="busy"):
        await waiting


async def test_no_answer_is_busy(bridge: LoopBridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "ANSWER_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(AccordError, match="busy") as refusal:
        await asyncio.to_thread(bridge.wait, lambda future: None)
    assert refusal.value.retry_ms


def test_without_a_loop() -> None:
    bridge = LoopBridge()
    bridge.soon(print, "nobody hears it")
    with pytest.raises(AccordError, match="busy"):
        bridge.call(print)
