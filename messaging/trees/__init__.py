"""Merkle trees of the stored topics (protocol.md section 5); what other modules use of them.

| module | what is in it |
|---|---|
| `members.py` | which messages are in a tree: the definition, read from the message table |
| `nodes.py` | nodes as rows; a whole tree in one pass; changed paths |
| `upkeep.py` | bringing the rows up to date; marks |
| `views.py` | a tree as it stood at one moment |
| `root_index.py` | roots of many topics, the index of roots, statements |
| `verify.py` | comparing everything with the definition, and repair |
"""

from messaging.trees.members import AS_OF_MS, BURN_MARGIN_MS, as_of
from messaging.trees.root_index import (
    Root,
    root,
    root_find,
    root_note,
    root_of_view,
    root_statement,
    roots,
    roots_forget,
    statement_of,
)
from messaging.trees.upkeep import horizon_move, mark_dirty, mark_whole, refresh
from messaging.trees.views import TreeView, envelopes, view

__all__ = [
    "AS_OF_MS",
    "BURN_MARGIN_MS",
    "Root",
    "TreeView",
    "as_of",
    "envelopes",
    "horizon_move",
    "mark_dirty",
    "mark_whole",
    "refresh",
    "root",
    "root_find",
    "root_note",
    "root_of_view",
    "root_statement",
    "roots",
    "roots_forget",
    "statement_of",
    "view",
]
