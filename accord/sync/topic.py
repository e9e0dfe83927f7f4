"""One topic in a session: passes of `nodes`, `since`, updates both ways, `done` (protocol.md section 5).

A pass compares the trees once, as far as the budget goes, newest first. It ends when both sides have said `done`; if
their roots still differ and messages moved, the asker begins another one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from itertools import chain, islice
from typing import Any

import orjson

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.messages import Envelope, envelope_id, parse_envelope
from accord.sync.compare import ROOT, Findings, Nodes, Place, Shown, compare, entry_bytes
from accord.sync.context import Context
from accord.sync.events import Equal, Store, Unequal
from accord.sync.frames import Entry, read_bits, write_bits
from accord.sync.limits import (
    ENTRY_BYTES,
    LARGEST_ENTRY_BYTES,
    MAX_ANSWERS,
    MAX_ENTRIES,
    MAX_ENTRY_IDS,
    MAX_NODES_BYTES,
    MAX_UNTAKEN_IN_ALL,
    MAX_UNTAKEN_UPDATES,
    MAX_UPDATE_BYTES,
    MAX_UPDATE_MESSAGES,
    PASSING_CODES,
    PREFIX_BYTES,
    SMALL,
    SMALL_AMONG_DIFFERING,
)


class Phase(Enum):
    """Where a topic stands: told of, waiting for its turn, being compared or brought up to date, at rest."""

    LISTED = "listed"
    QUEUED = "queued"
    OPEN = "open"
    CLOSED = "closed"


def lasting(refused: list[tuple[bytes, str]]) -> list[tuple[bytes, str]]:
    """The refusals that will be the same tomorrow."""
    return [(ident, code) for ident, code in refused if code not in PASSING_CODES]


class TopicSync:
    """The state of one topic. Methods raise RemoteError for what the peer must not do; `advance` comes after each."""

    def __init__(self, context: Context, name: str, root: bytes, horizon: int) -> None:
        self.name = name
        self.root = root  # that this side told in `current`
        self.horizon = horizon
        self.phase = Phase.LISTED
        self._context = context
        self._nodes: Nodes | None = None
        self._shown = Shown()
        self._offered: list[bytes] = []  # the ids that the entries sent last list, in their order
        self._equal_until = 0  # nothing newer than that is known to be equal
        self._answers = 0
        self._anything = False  # a `since` allows any message of the topic
        self._unanswered = False
        self.since_due = False  # from the peer
        self._more_due = False  # updates, as the peer's last one says
        self._said_more = False
        self.wanted: set[bytes] = set()
        self._unsent: deque[Iterator[bytes]] = deque()
        self._untaken: dict[int, list[bytes]] = {}
        self._storing: dict[int, tuple[list[Envelope], list[tuple[bytes, str]]]] = {}
        self._seq_out = 0
        self._seq_in = 0
        self._progress = False
        self._done_due = False
        self._my_done: tuple[bytes, int] | None = None
        self._their_done: tuple[bytes, int] | None = None

    # ---------------------------------------------------------------------------------------------------- beginnings

    def begin_pass(self) -> None:
        """The asker's first `nodes`: the entry of the root."""
        self._open()
        self._say([(ROOT, self._tree().entry(ROOT))], b"")

    def send_since(self, start: bytes, cursor: int | None, *, owed: bool = False) -> None:
        """Send what came after a root that the peer has; `owed`: the peer is to do the same. Nothing, if it is not
        known any more when that was: then the trees are compared.
        """
        if self.phase is not Phase.OPEN:
            self._open()
        later: Iterator[bytes] = iter(())
        if cursor is not None:
            later = self._context.holdings.after(self.name, self.horizon, cursor)
        first = list(islice(later, 1))
        self._unsent.append(chain(first, later))
        self._said_more = bool(first)
        self._context.send("since", topic=self.name, more=self._said_more, **{"from": b64encode(start)})
        self._progress = True  # if it was not enough, the trees are compared
        self.since_due = owed
        self._anything = self._anything or owed

    def accept_since(self, *, more: bool) -> None:
        """The peer sends what came after a root of this side, if there is anything (`more`)."""
        if self.phase is not Phase.OPEN:
            self._open()
        elif not self.since_due:
            raise RemoteError("bad_request", "since: the topic is under way already")
        self.since_due = False
        self._more_due = more
        self._anything = self._progress = True

    def _open(self) -> None:
        if self._unanswered or self.wanted or self._untaken or self._storing or self.since_due:
            raise RemoteError("bad_request", "the topic is under way already")
        self.phase = Phase.OPEN
        self._nodes = None
        self._shown = Shown()
        self._offered = []
        self._answers = self._equal_until = 0
        self._anything = self._progress = self._more_due = False
        self._done_due = True
        self._my_done = self._their_done = None

    def _tree(self) -> Nodes:
        """The tree of this pass, as it was at its beginning."""
        if self._nodes is None:
            self._nodes = Nodes(self._context.holdings.view(self.name, self.horizon))
        return self._nodes

    # --------------------------------------------------------------------------------------------------------- nodes

    def receive_nodes(self, entries: list[Entry], want: bytes) -> None:
        """Entries of the peer's tree, and which of the ids that were listed to it the peer wants."""
        if not self._unanswered:
            if self._context.asker:
                raise RemoteError("bad_request", "nodes: nothing was asked")
            self._open()
            self._shown.ask(ROOT)
            if not entries or want:
                raise RemoteError("bad_request", "nodes: the entry of the root comes first")
        self._unanswered = False
        self._answers += 1
        if self._answers > MAX_ANSWERS:
            raise RemoteError("rate", f"nodes: more than {MAX_ANSWERS} answers")
        self._context.charge(sum(map(entry_bytes, entries)) + len(want))
        self._take_wants(want)
        found = Findings()
        for place, entry in self._shown.answered(entries):
            compare(self._tree(), place, entry, found)
        self._unsent.extend(self._push(push.place, push.but) for push in found.pushes)
        self._equal_until = max(self._equal_until, found.equal_until)
        while self.can_send:
            self.send_update()
        if entries:
            wanted = self._missing(found.listed)
            self.wanted.update(wanted)
            bits = write_bits(prefix in wanted for entry in entries for prefix in entry.ids or ())
            self._say(self._answer(found, self._room(found) - len(bits)), bits)

    def _take_wants(self, want: bytes) -> None:
        bits = read_bits(want)
        if bits and bits[-1] >= len(self._offered):
            raise RemoteError("bad_request", "want: more ids than were listed")
        if bits:
            self._unsent.append(iter([self._offered[place] for place in bits]))
        self._offered = []

    def _push(self, place: Place, but: frozenset[bytes]) -> Iterator[bytes]:
        return (ident for ident in self._tree().stream(place) if ident[:PREFIX_BYTES] not in but)

    def _missing(self, listed: list[bytes]) -> set[bytes]:
        """Which of the ids that the peer listed to ask for. What is held outside of the view is in it from now on."""
        if not listed:
            return set()
        holdings = self._context.holdings
        if held := holdings.held(self.name, listed):
            holdings.include(self.name, held)
            self._progress = True
        skip = {ident[:PREFIX_BYTES] for ident in held} | set(holdings.unwanted(self.name, listed)) | self.wanted
        return {prefix for prefix in listed if prefix not in skip}

    def _room(self, found: Findings) -> int:
        """How much of the budget this answer may take: the rest is for other topics and for the levels below."""
        level = max((place.level for place in found.differing), default=0)
        left = self._context.room
        share = left // max(1, self._context.sharing) // (max(level, 0) // 2 + 1)
        return min(MAX_NODES_BYTES, left, max(share, LARGEST_ENTRY_BYTES))

    def _answer(self, found: Findings, room: int) -> list[tuple[Place, Entry]]:
        """The entries one level down, newest first while there is room."""
        said: list[tuple[Place, Entry]] = []
        places = {place: True for place in found.differing} | {place: False for place in found.absent}
        for place, held in sorted(places.items(), key=lambda item: item[0].start, reverse=True):
            if len(said) == MAX_ENTRIES or room < ENTRY_BYTES:
                break
            entry = self._entry(place, room, crowded=place in found.crowded) if held else Entry(*place, ids=())
            size = entry_bytes(entry)
            if size <= room:
                said.append((place, entry))
                room -= size
        return said[::-1]

    def _entry(self, place: Place, room: int, *, crowded: bool) -> Entry:
        """What is held at a place: more ids than elsewhere where most of what is there will differ."""
        if place.level >= 0 and place.start >= self._equal_until:
            entry = self._tree().entry(place, MAX_ENTRY_IDS)
            if entry_bytes(entry) <= room:
                return entry
        return self._tree().entry(place, SMALL_AMONG_DIFFERING if crowded else SMALL)

    def _say(self, said: list[tuple[Place, Entry]], want: bytes) -> None:
        frame: dict[str, Any] = {}
        if said:
            frame["entries"] = [entry.json() for _, entry in said]
            self._unanswered = True
        if want:
            frame["want"] = b64encode(want)
        self._context.counts.node_bytes_out += sum(entry_bytes(entry) for _, entry in said) + len(want)
        self._shown.say(said)
        for _, entry in said:
            if entry.ids:
                ids = {ident[:PREFIX_BYTES]: ident for ident in self._tree().ids(Place(entry.level, entry.bucket))}
                self._offered.extend(ids[prefix] for prefix in entry.ids)
        self._context.send("nodes", topic=self.name, **frame)

    # ------------------------------------------------------------------------------------------------------- updates

    @property
    def can_send(self) -> bool:
        """Whether there is something to send, and the peer may be sent it now."""
        return (
            (bool(self._unsent) or self._said_more)
            and len(self._untaken) < MAX_UNTAKEN_UPDATES
            and self._context.untaken < MAX_UNTAKEN_IN_ALL
        )

    def send_update(self) -> None:
        """One `update` of what is unsent. An empty one takes back the `more` of the one before, if the rest has burned
        or was pruned meanwhile.
        """
        messages: list[tuple[bytes, bytes]] = []
        while not messages and (ids := self._next_ids()):
            found = self._context.holdings.envelopes(self.name, ids[:MAX_UPDATE_MESSAGES], MAX_UPDATE_BYTES)
            if rest := ids[len(found) :]:
                self._unsent.appendleft(iter(rest))
            messages = [(ident, data) for ident, data in found if data]
        if not messages and not self._said_more:
            return
        self._said_more = bool(self._unsent)
        self._untaken[self._seq_out] = [ident for ident, _ in messages]
        self._context.untaken += 1
        self._context.counts.sent += len(messages)
        fragments = [orjson.Fragment(data) for _, data in messages]
        self._context.send("update", topic=self.name, seq=self._seq_out, messages=fragments, more=self._said_more)
        self._seq_out += 1

    def _next_ids(self) -> list[bytes]:
        """One id more than an update takes, so that it is known whether there are more; fewer if there are not."""
        ids: list[bytes] = []
        while self._unsent and len(ids) <= MAX_UPDATE_MESSAGES:
            part = list(islice(self._unsent[0], MAX_UPDATE_MESSAGES + 1 - len(ids)))
            ids.extend(part)
            if not part:
                self._unsent.popleft()
        if len(ids) <= MAX_UPDATE_MESSAGES:
            self._unsent.clear()
        return ids

    def receive_update(self, seq: int, values: list[Any], *, more: bool) -> None:
        """Messages of the peer: those that were asked for go on to be stored."""
        if self.phase is not Phase.OPEN or seq != self._seq_in:
            raise RemoteError("bad_request", "update: not expected")
        if len(self._storing) >= MAX_UNTAKEN_UPDATES:
            raise RemoteError("rate", f"update: more than {MAX_UNTAKEN_UPDATES} untaken")
        self._seq_in += 1
        self._more_due = more
        messages: list[Envelope] = []
        refused: list[tuple[bytes, str]] = []
        for value in values:
            try:
                message = parse_envelope(value)
            except RemoteError as error:
                if (ident := envelope_id(value)) is None:
                    raise
                self.wanted.discard(ident[:PREFIX_BYTES])
                refused.append((ident, error.code))
                continue
            self._check_asked(message)
            if message.created_at < self.horizon:  # it has moved since
                refused.append((message.id, "gone"))
            else:
                messages.append(message)
        self._storing[seq] = messages, refused
        if messages:
            self._context.events.append(Store(self._context.ref, self.name, seq, messages))
        else:
            self.take(seq, [])

    def _check_asked(self, message: Envelope) -> None:
        if message.topic.name != self.name:
            raise RemoteError("bad_request", "update: a message of another topic")
        if message.id[:PREFIX_BYTES] in self.wanted:
            self.wanted.remove(message.id[:PREFIX_BYTES])
        elif not self._anything and not self._shown.lacks(message):
            raise RemoteError("bad_request", "update: a message that was not asked for")

    def take(self, seq: int, codes: list[str | None]) -> None:
        """An update was stored: `codes` says why a message was not, None where it is now held."""
        if seq not in self._storing:
            raise ValueError("no such update")
        messages, refused = self._storing.pop(seq)
        if len(codes) != len(messages):
            raise ValueError("a code for each message expected")
        kept = [message.id for message, code in zip(messages, codes, strict=True) if code is None]
        refused += [(message.id, code) for message, code in zip(messages, codes, strict=True) if code is not None]
        if kept:
            self._context.holdings.include(self.name, kept)
            self._context.moved(len(kept))
            self._context.counts.got += len(kept)
            self._progress = True
        frame: dict[str, Any] = {}
        if refused:
            self._refuse(refused)
            frame["refused"] = [{"id": b64encode(ident), "code": code} for ident, code in refused]
        self._context.send("took", topic=self.name, seq=seq, **frame)
        self._done_due = True
        self._context.refused(len(refused))

    def _refuse(self, refused: list[tuple[bytes, str]]) -> None:
        """Leave out for good what one side refused: both roots change by it, and both `done` come again."""
        if final := lasting(refused):
            self._context.holdings.refuse(self.name, final)
            self._progress = True
        self._done_due = True
        self._their_done = None

    def receive_took(self, seq: int, refused: list[tuple[bytes, str]]) -> None:
        """The peer has decided over an update; its `done` comes after that."""
        ids = self._untaken.pop(seq, None)
        if ids is None or not {ident for ident, _ in refused} <= set(ids):
            raise RemoteError("bad_request", "took: of what was not sent")
        self._context.untaken -= 1
        self._context.moved(len(ids) - len(refused))
        self._context.counts.refused_there += len(refused)
        self._progress = self._progress or len(refused) < len(ids)
        self._their_done = None
        if refused:
            self._refuse(refused)

    # ---------------------------------------------------------------------------------------------------------- done

    def receive_done(self, root: bytes, horizon: int) -> None:
        """The peer has nothing to send or to ask; what was wanted and did not come, does not come."""
        if self.phase is Phase.LISTED:
            raise RemoteError("bad_request", "done: the topic is not under way")
        if self.wanted:
            self._context.holdings.in_vain(self.name, sorted(self.wanted))
            self.wanted.clear()
        self._more_due = False
        if horizon > self.horizon:
            self.horizon = horizon
            self._context.holdings.horizon_seen(self.name, horizon)
            self._done_due = True
        self._their_done = (root, horizon) if horizon == self.horizon else None

    @property
    def due(self) -> bool:
        """Whether the peer has to do something."""
        return self.phase is Phase.OPEN and not self._storing

    @property
    def _quiet(self) -> bool:
        sending = self._unsent or self._said_more
        return not (sending or self._unanswered or self.wanted or self._storing or self.since_due or self._more_due)

    def advance(self) -> None:
        """Say `done` when it is time, and judge when both have."""
        if self.phase is not Phase.OPEN or not self._quiet:
            return
        if self._done_due:
            self._done_due = False
            view = self._context.holdings.view(self.name, self.horizon)
            if view.horizon > self.horizon:  # pruned meanwhile: the peer answers from there
                self.horizon, self._their_done = view.horizon, None
            self._context.send("done", topic=self.name, root=b64encode(view.root), horizon=view.horizon)
            self._my_done = view.root, view.horizon
        if self._untaken or self._my_done is None or self._their_done is None:
            return
        self.phase = Phase.CLOSED
        if self._my_done == self._their_done:
            self._context.events.append(Equal(self.name, *self._my_done))
        elif self._context.asker and self._progress and self._context.room >= LARGEST_ENTRY_BYTES:
            self.begin_pass()
        else:
            self._context.events.append(Unequal(self.name, "the roots still differ"))
