"""The process of the handlers: what it is given, and the limits that hold whatever a handler does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.handlers import Refused
from plugins.worker import HandlerFailed, Worker
from tests.hubs import wait_until

MESSAGE: dict[str, Any] = {
    "id": "I" * 43, "type": "test.thing", "topic": "chan:C", "author": "A" * 43, "author_name": "alice",
    "created_at": 5, "burn_at": None, "tz": 60, "mentions": [], "answers": [], "refs": [], "header": {},
    "body": {"id": "x"}, "raw": "",
}  # fmt: skip
CONTEXT: dict[str, Any] = {"settings": {}, "data": None, "now": 9, "me": "B" * 43, "hub_name": "Hub"}
SECONDS = 1.0  # of the test that waits for the limit


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(memory_mib=128)
    yield made
    made.end()


def nothing(what: str, about: Any) -> None:
    raise Refused("nothing here")


def run(worker: Worker, name: str, answer: Callable[[str, Any], Any] = nothing) -> list[Any]:
    job = {"source": f"tests.plugins.naughty:{name}", "message": MESSAGE, "context": CONTEXT}
    return worker.run(job, answer)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_there_is_no_process_before_the_first_job_and_one_for_many(worker: Worker) -> None:
    assert worker.pid is None
    (said,) = run(worker, "shows")
    assert (said["do"], said["topic"], said["reply_to"]) == ("say", "chan:C", "I" * 43)
    first = worker.pid
    run(worker, "shows")
    assert worker.pid == first is not None
    worker.end()
    assert worker.pid is None
    assert not alive(first)


def test_what_takes_too_long_is_killed_with_all_it_started() -> None:
    worker = Worker(seconds=SECONDS)
    run(worker, "shows")
    pid = worker.pid
    with pytest.raises(HandlerFailed, match="longer"):
        run(worker, "sleeps")
    assert pid is not None
    assert not alive(pid)
    stats = Path("/proc")
    wait_until(lambda: all(_group_of(path) != pid for path in stats.glob("[0-9]*/stat")), what="its child has gone")
    assert run(worker, "shows")  # in a new process
    worker.end()


def _group_of(stat: Path) -> int:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[2]) if fields[0] != "Z" else 0


def test_what_takes_all_memory_is_told_so_and_replaced(worker: Worker) -> None:
    run(worker, "shows")
    pid = worker.pid
    with pytest.raises(HandlerFailed, match="memory"):
        run(worker, "eats")
    assert run(worker, "shows")
    assert worker.pid != pid


def test_an_ended_process_is_a_failure_and_replaced(worker: Worker) -> None:
    with pytest.raises(HandlerFailed, match="exit code 3"):
        run(worker, "exits")
    assert run(worker, "shows")


def test_an_exception_is_told_and_the_process_stays(worker: Worker) -> None:
    with pytest.raises(HandlerFailed, match="this is broken") as failure:
        run(worker, "raises")
    assert "at raises, line" in str(failure.value)
    pid = worker.pid
    assert run(worker, "shows")
    assert worker.pid == pid


def test_what_is_printed_does_not_disturb(worker: Worker, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(worker, "prints")[0]["text"] == "printed"
    assert "xxx" in capfd.readouterr().err


def test_the_hub_answers_in_the_middle(worker: Worker) -> None:
    asked = []

    def answer(what: str, about: Any) -> Any:
        asked.append((what, about))
        return {**MESSAGE, "body": {"text": "found"}}

    assert run(worker, "peeks", answer)[0]["text"] == "found"
    assert asked == [("message", {"id": "x"})]
    with pytest.raises(HandlerFailed, match="nothing here"):
        run(worker, "peeks")


def test_what_cannot_be_loaded_is_a_failure(worker: Worker) -> None:
    with pytest.raises(HandlerFailed, match="AttributeError"):
        run(worker, "nobody")


def test_the_environment_is_not_handed_on(worker: Worker) -> None:
    import json

    shown = json.loads(run(worker, "shows")[0]["text"])
    assert shown["env"] == []
    assert (shown["author_name"], shown["tz"], shown["body"]) == ("alice", 60, {"id": "x"})
