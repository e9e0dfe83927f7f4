"""What this process has done since it started, as plain integers: an addition costs next to nothing on the hot path.

Added to on the event loop only, read from any thread. Not here: how they are shown (console/metrics.py).
"""

from __future__ import annotations

from collections import Counter


class Counters:
    """The running totals."""

    def __init__(self) -> None:
        self.stored = 0  # messages that came over this process's sockets or its REST API and are durable
        self.duplicates = 0
        self.refused: Counter[str] = Counter()  # by the code of the refusal
        self.delivered = 0  # messages handed to sessions: one message to three sessions counts three
        self.logins: Counter[str] = Counter()  # by role, or by the code of the refusal


counters = Counters()
