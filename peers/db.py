"""Reads and writes of the database from the event loop, in a few threads that keep their connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

DB_THREADS: Final = 4

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(DB_THREADS, thread_name_prefix="db")


async def in_db(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a selector or service without holding up the loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: function(*args, **kwargs))
