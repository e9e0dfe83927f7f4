"""The keys of the terminal UI, and the page that tells them. Those of a message are with the widget (widgets.py)."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding

BINDINGS: Final = (
    Binding("ctrl+k", "go", "Go to", priority=True),
    Binding("ctrl+n", "next_unread", "Unread", priority=True),
    Binding("ctrl+g", "members", "Members", priority=True),
    Binding("ctrl+o", "private", "Private", priority=True),
    Binding("ctrl+f", "search", "Search", priority=True),
    Binding("ctrl+t", "space", "Spaces", priority=True),
    Binding("f2", "attach", "File", priority=True),
    Binding("f3", "burn", "Vanish", priority=True),
    Binding("f4", "pins", "Pins", priority=True),
    Binding("f1", "help", "Help", priority=True),
    Binding("ctrl+q", "quit", "Leave", priority=True),
    Binding("escape", "compose_text", "Write", show=False),
)
HELP: Final = """\
Ctrl+K    go to a conversation or a person       Ctrl+N    the next with something unread
Ctrl+G    who is in this conversation            Ctrl+O    private conversations: ask, answer, compare
Ctrl+F    search                                 Ctrl+T    spaces: make, join, invite, members, history, keys, leave
F1        this page                              Ctrl+Q    leave
F2        have a file go along                   F3        how long the next message stays
F4        what is pinned                         Tab       list, messages, composer in turn
Esc       back to the composer; there: leave what is begun, then the thread

In the composer
  Enter   send        Ctrl+J   a new line        Up        edit your last message

On a message
  Enter, r   reply    t   its thread             +   react
  e   edit your own   d   delete                 p   pin, or no longer
  s   save its files  b   what was said before   v   its details
"""
