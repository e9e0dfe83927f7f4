"""`accord tui`: conversations in a terminal, for daily use.

Widgets over a desk (accord_client/desk.py): what they show is plain text, cleaned of whatever could act on a terminal,
and never read as markup. Not here: what a message means, keys, the connection.
"""

from __future__ import annotations

import logging

from accord_client.profile import ProfileStore
from accord_client.tui.app import AccordApp


class _Notices(logging.Handler):
    """Warnings are told on the screen: written beside it they would damage it."""

    def __init__(self, app: AccordApp) -> None:
        super().__init__(logging.WARNING)
        self._app = app

    def emit(self, record: logging.LogRecord) -> None:
        self._app.call_later(self._app.say, record.getMessage())


def run(store: ProfileStore) -> int:
    """Show the terminal UI until the person leaves."""
    app = AccordApp(store)
    logging.getLogger("accord_client").handlers = [_Notices(app)]
    app.run()
    return app.return_code or 0
