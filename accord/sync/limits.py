"""The limits of a sync session (protocol.md section 5)."""

from __future__ import annotations

from typing import Final

PREFIX_BYTES: Final = 16  # of hashes and ids in `nodes`
SMALL: Final = 16  # so many messages under a node, or fewer, are listed by their ids
SMALL_AMONG_DIFFERING: Final = 32  # where all nodes beside it differ too: hashes of its children would be in vain
MAX_ENTRY_IDS: Final = 64  # so many may be listed, and are where all that is newer differs
MANY_DIFFERING: Final = 4
DEEPEST_LEVEL: Final = -5  # below a leaf, nodes go by the first digits of the ids
AT_STEP_MS: Final = 60_000
MAX_CLOCK_DIFFERENCE_MS: Final = 5 * 60_000
SILENCE_MS: Final = 30_000
MAX_LISTED_TOPICS: Final = 4_000  # a frame
MAX_CURRENT_PARTS: Final = 64  # a `current`
MAX_CURRENTS: Final = 3  # of the asker, a session
DIGESTS_ABOVE_TOPICS: Final = 256
MAX_ENTRIES: Final = 10_000  # a frame
MAX_LISTED_IDS: Final = 10_000  # an entry of the deepest level
MAX_ANSWERS: Final = 12  # `nodes` of a peer in one pass over a topic
ENTRY_BYTES: Final = 48  # what an entry is counted as, beside its hashes or ids
LARGEST_ENTRY_BYTES: Final = ENTRY_BYTES + SMALL * PREFIX_BYTES  # of any but the deepest level
MAX_NODES_BYTES: Final = 480 * 1024  # a frame, counted so
FREE_NODE_BYTES: Final = 64 * 1024  # a session
NODE_BYTES_A_MESSAGE: Final = 1024
MAX_UPDATE_MESSAGES: Final = 400
MAX_UPDATE_BYTES: Final = 512 * 1024
MAX_UNTAKEN_UPDATES: Final = 4  # a topic
MAX_UNTAKEN_IN_ALL: Final = 64  # that this side lets be under way; a peer is held to the limit a topic only
MAX_OPEN_TOPICS: Final = 16  # whose trees the asker compares at a time
FREE_REFUSALS: Final = 1_000  # messages that a peer may send in vain, beside as many as were taken
FIRST_RETRY_MS: Final = 60_000
LAST_RETRY_MS: Final = 3_600_000

# A refusal with one of these codes may be another answer tomorrow: the id is offered again.
PASSING_CODES: Final = frozenset({"rate", "busy", "internal", "future"})


def retry_ms(times: int) -> int:
    """How long to wait before the next try of a topic that was left unequal so many times in a row (1 or more)."""
    return min(LAST_RETRY_MS, FIRST_RETRY_MS << min(times - 1, 16))
