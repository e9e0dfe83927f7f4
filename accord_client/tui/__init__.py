"""`accord tui`: conversations in a terminal, for daily use.

Widgets over a desk (accord_client/desk.py): what they show is plain text, cleaned of whatever could act on a terminal,
and never read as markup. Not here: what a message means, keys, the connection.
"""

from accord_client.tui.app import run

__all__ = ["run"]
