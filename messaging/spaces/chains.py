"""The views of spaces over what is held of their chains (protocol.md section 7).

A view is computed from all control messages of a space, once; whoever stands on all that is there only adds to it, and
of what is kept only what has come since is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from accord.messages import Message as SignedMessage
from accord.messages import envelope_json, parse_envelope
from accord.spaces import DEEDS, Deed, SpaceView, deed_of
from messaging.models import Message, Topic

MAX_CHAIN_MESSAGES: Final = 5_000
MAX_KEPT_VIEWS: Final = 64


class _Chain(NamedTuple):
    """What is held of a space: up to which arrival number, how many messages, the deeds, what they amount to."""

    cursor: int
    messages: int
    deeds: list[Deed]
    view: SpaceView


_kept: OrderedDict[bytes, _Chain] = OrderedDict()


def _held(space: bytes, *, keep: bool = True) -> _Chain:
    """The deeds that are held of a space, and what they amount to."""
    row = Topic.objects.filter(kind="space", ident=space).values_list("pk", "cursor", "count").first()
    pk, cursor, count = row or (0, 0, 0)
    known = _kept.get(space)
    if known is not None and (known.cursor, known.messages) == (cursor, count):
        return known
    if known is not None and known.cursor < cursor:
        messages, fresh = _read(pk, known.cursor)
    if known is None or known.cursor >= cursor or known.messages + messages != count:  # also where some have gone
        known = _Chain(0, 0, [], SpaceView(space))
        messages, fresh = _read(pk, 0)
    view = _added(known.view, known.deeds, fresh)
    found = _Chain(cursor, known.messages + messages, [*known.deeds, *fresh], view)
    if found.deeds and keep:
        _kept[space] = found
        _kept.move_to_end(space)
    while len(_kept) > MAX_KEPT_VIEWS:
        _kept.popitem(last=False)
    return found


def _read(topic_id: int, after: int) -> tuple[int, list[Deed]]:
    """How many messages have come later than an arrival number, and those of them that are deeds."""
    rows = Message.objects.filter(topic=topic_id, cursor__gt=after).order_by("cursor")
    count, deeds = 0, []
    for type_, header, sig, salt, body in rows.values_list("type", "header", "sig", "salt", "body").iterator():
        count += 1
        if type_ in DEEDS:
            value = envelope_json(orjson.loads(bytes(header)), bytes(sig), bytes(salt or b""), bytes(body or b""))
            deeds.append(deed_of(parse_envelope(value)))
    return count, deeds


def _added(view: SpaceView, deeds: Sequence[Deed], fresh: Sequence[Deed]) -> SpaceView:
    """The view of `deeds` with more of them."""
    for deed in fresh:
        further = view.extended(deed)
        if further is None:
            return SpaceView.of_deeds(view.space, [*deeds, *fresh])
        view = further
    return view


def view_of(space: bytes) -> SpaceView:
    """What the control messages that are held of a space amount to; one without a root where it is not known here.

    It is not kept, for it may be asked for in the midst of a commit.
    """
    return _held(space, keep=False).view


class Chains:
    """The same within a commit: what it has taken already counts.

    What is held of a space is looked up once, before the commit writes: what it writes could still be undone.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, _Chain] = {}
        self._taken: dict[bytes, list[Deed]] = {}
        self._views: dict[bytes, SpaceView] = {}

    def _base(self, space: bytes) -> _Chain:
        if space not in self._held:
            self._held[space] = _held(space)
        return self._held[space]

    def view(self, space: bytes) -> SpaceView:
        """What is held of a space, with what this commit adds."""
        return self._views[space] if space in self._views else self._base(space).view

    def before(self, space: bytes) -> SpaceView:
        """What it was before this commit."""
        return self._base(space).view

    def size(self, space: bytes) -> int:
        """How many control messages are held of a space."""
        return len(self._base(space).deeds) + len(self._taken.get(space, ()))

    def take(self, message: SignedMessage) -> None:
        """This commit stores it."""
        space, deed = message.topic.ident, deed_of(message)
        taken = self._taken.setdefault(space, [])
        self._views[space] = _added(self.view(space), [*self._base(space).deeds, *taken], [deed])
        taken.append(deed)

    @property
    def changed(self) -> list[bytes]:
        """The spaces of which this commit stores something."""
        return list(self._taken)
