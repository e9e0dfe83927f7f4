"""The process in which handlers run: `python -m plugins.child MEMORY_BYTES`, one job after another, until its input
ends (docs/adr, "Handlers run in a process of their own").

What limits a handler is the kernel: the memory by RLIMIT_AS, the time by an alarm that ends this process even when the
hub is gone. The hub's own deadline (worker.py) comes before it. Not here: Django, the database, any key.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any, BinaryIO, Final

from plugins.handlers import Context, Handler, Refused, message_of
from plugins.pipes import pack, read_frame

ALARM_GRACE_SECONDS: Final = 2
MAX_ERROR_CHARS: Final = 2_000
NICE: Final = 5  # the hub goes first


class Hub:
    """The other end."""

    def __init__(self, inlet: BinaryIO, outlet: BinaryIO) -> None:
        self._inlet, self._outlet = inlet, outlet

    def tell(self, frame: bytes) -> None:
        """Send a packed frame."""
        self._outlet.write(frame)
        self._outlet.flush()

    def next(self) -> dict[str, Any] | None:
        """The next frame; None once the hub is gone."""
        return read_frame(self._inlet)

    def ask(self, what: str, about: Mapping[str, Any]) -> Any:
        """What the hub answers in the middle of a run."""
        self.tell(pack({"ask": what, "about": dict(about)}))
        found = self.next()
        if found is None:
            sys.exit()
        if "refused" in found:
            raise Refused(found["refused"])
        return found["answer"]


def _run(hub: Hub, job: dict[str, Any], known: dict[str, Handler]) -> dict[str, Any]:
    source = job["source"]
    if source not in known:
        known[source] = EntryPoint("", source, "").load()
    if "message" not in job:  # only to have it loaded, before its time counts
        return {"done": []}
    message = message_of(job["message"])
    context = Context(message, **job["context"], ask=hub.ask)
    known[source].run(message, context)
    return {"done": context.deeds}


def _error_text(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    lines = [
        *traceback.format_exception_only(error),
        *(f"at {frame.name}, line {frame.lineno}\n" for frame in own[-5:]),
    ]
    return "".join(lines).strip()[:MAX_ERROR_CHARS]


def serve(hub: Hub) -> None:
    """Run jobs until the hub is gone, or memory has run out."""
    known: dict[str, Handler] = {}
    while (job := hub.next()) is not None:
        signal.alarm(int(job["seconds"]) + ALARM_GRACE_SECONDS)
        is_full = False
        try:
            result = _run(hub, job, known)
            frame = pack(result)  # what is no JSON, or too much, is the handler's failure
        except MemoryError:
            is_full = True
            gc.collect()
            frame = pack({"failed": f"it needed more memory than it may ({job['memory']} MiB)", "full": True})
        except Exception as error:  # noqa: BLE001 - told to the hub, which tries again
            frame = pack({"failed": _error_text(error)})
        hub.tell(frame)
        signal.alarm(0)
        if is_full:
            return


def main() -> None:
    """Take the pipes for ourselves, so that a handler's `print` goes to the hub's log, and set the limits."""
    inlet, outlet = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub, whose end is ours
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with open(inlet, "rb") as reader, open(outlet, "wb") as writer, contextlib.suppress(BrokenPipeError):
        serve(Hub(reader, writer))


if __name__ == "__main__":
    main()
