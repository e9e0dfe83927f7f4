"""The views of spaces over what is held of their chains (protocol.md section 7).

A view is computed from all control messages of a space; it is kept until one more has come.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import orjson

from accord.messages import Message as SignedMessage
from accord.messages import envelope_json, parse_envelope
from accord.spaces import DEEDS, Deed, SpaceView, deed_of
from messaging.models import Message, Topic

MAX_CHAIN_MESSAGES: Final = 5_000
MAX_KEPT_VIEWS: Final = 64

_kept: OrderedDict[tuple[bytes, int], tuple[list[Deed], SpaceView]] = OrderedDict()


def _held(space: bytes, *, keep: bool = True) -> tuple[list[Deed], SpaceView]:
    """The deeds that are held of a space, and what they amount to."""
    row = Topic.objects.filter(kind="space", ident=space).values_list("pk", "cursor").first()
    pk, cursor = row or (0, 0)
    place = (space, cursor)
    found = _kept.get(place)
    if found is None:
        rows = Message.objects.filter(topic=pk, type__in=DEEDS).values_list("header", "sig", "salt", "body")
        deeds = []
        for header, sig, salt, body in rows.iterator():
            value = envelope_json(orjson.loads(bytes(header)), bytes(sig), bytes(salt or b""), bytes(body or b""))
            deeds.append(deed_of(parse_envelope(value)))
        found = deeds, SpaceView.of_deeds(space, deeds)
        if deeds and keep:
            _kept[place] = found
        while len(_kept) > MAX_KEPT_VIEWS:
            _kept.popitem(last=False)
    return found


def view_of(space: bytes) -> SpaceView:
    """What the control messages that are held of a space amount to; one without a root where it is not known here.

    It is not kept, for it may be asked for in the midst of a commit.
    """
    return _held(space, keep=False)[1]


class Chains:
    """The same within a commit: what it has taken already counts.

    What is held of a space is looked up once, before the commit writes: what it writes could still be undone.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[list[Deed], SpaceView]] = {}
        self._taken: dict[bytes, list[Deed]] = {}
        self._views: dict[bytes, SpaceView] = {}

    def _base(self, space: bytes) -> tuple[list[Deed], SpaceView]:
        if space not in self._held:
            self._held[space] = _held(space)
        return self._held[space]

    def view(self, space: bytes) -> SpaceView:
        """What is held of a space, with what this commit adds."""
        deeds, view = self._base(space)
        if space not in self._taken:
            return view
        if space not in self._views:
            self._views[space] = SpaceView.of_deeds(space, [*deeds, *self._taken[space]])
        return self._views[space]

    def before(self, space: bytes) -> SpaceView:
        """What it was before this commit."""
        return self._base(space)[1]

    def size(self, space: bytes) -> int:
        """How many control messages are held of a space."""
        return len(self._base(space)[0]) + len(self._taken.get(space, ()))

    def take(self, message: SignedMessage) -> None:
        """This commit stores it."""
        space = message.topic.ident
        self._base(space)
        self._taken.setdefault(space, []).append(deed_of(message))
        self._views.pop(space, None)

    @property
    def changed(self) -> list[bytes]:
        """The spaces of which this commit stores something."""
        return list(self._taken)
