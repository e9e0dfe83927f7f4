"""Topics and open channels over the REST API (protocol.md sections 4 and 8)."""

from __future__ import annotations

from typing import Any, Final

import orjson
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.merkle import HORIZON_MS
from accord.topics import Topic, open_channel_id, parse_topic
from messaging import listing, topic_rows, trees
from messaging.api.shared import ROOT, TOPIC_REGEX, reader_of, reads_all_of
from messaging.serializers import (
    PrunedPage,
    RootSerializer,
    RootsQuery,
    RootsSerializer,
    TopicPage,
    TopicSerializer,
)
from messaging.topic_roots import root_statements
from peers.callers import Caller
from peers.clock import now_ms
from peers.keyring import keyring
from peers.rest import caller_of
from peers.schema import (
    BOB,
    CHANNEL,
    ENVELOPE,
    KEY_REGEX,
    MAX_ROW,
    NOW,
    OF_MESSAGES,
    PAGED,
    OpenApiParameter,
    operation,
    query,
)
from peers.serializers import SignedSerializer
from peers.viewsets import HubViewSet, page, publish_signed, read, read_page

CHANNEL_REGEX: Final = f"chan:{KEY_REGEX}"

_TOPIC: Final = {
    "topic": f"chan:{CHANNEL}",
    "kind": "chan",
    "name": "lounge",
    "about": "Everyone meets here.",
    "encrypted": False,
    "count": 42,
    "horizon": 0,
    "cursor": 42,
    "role": "member",
    "hub": None,
    "hub_name": None,
    "admin": None,
    "former": None,
}
_PRUNED: Final = {
    "v": 1,
    "type": "pruned",
    "hub": BOB,
    "at": NOW,
    "topic": f"chan:{CHANNEL}",
    "from": 0,
    "to": 106_560 * HORIZON_MS,
    "count": 1_204,
    "root_before": b64encode(bytes([9]) * 32),
    "root_after": b64encode(bytes([10]) * 32),
    "as_of": NOW - NOW % 60_000,
    "cursor": 9_001,
    "sig": b64encode(bytes([11]) * 64),
}
_OPEN_MESSAGE: Final = {
    "message": {**ENVELOPE, "header": {**ENVELOPE["header"], "type": "chan.open", "to": f"hub:{BOB}"}}
}


_HORIZON: Final = query(
    "horizon",
    "Without messages from before this time in ms, a multiple of 2^24.",
    schema={"type": "integer", "minimum": 0, "multipleOf": HORIZON_MS, "default": 0},
)


def _path_topic(regex: str) -> OpenApiParameter:
    schema = {"type": "string", "pattern": f"^{regex}$"}
    return OpenApiParameter("topic", schema, OpenApiParameter.PATH, description="The topic, `kind:key or id`.")


def _topic(row: dict[str, Any]) -> dict[str, Any]:
    return {"name": None, "about": None, "hub": None, "hub_name": None, "admin": None, "former": None, **row}


def _one_topic(name: str, caller: Caller) -> dict[str, Any]:
    topic = parse_topic(name)
    reader = reader_of(caller)
    is_mine = topic.kind == "user" and topic.ident in reader.keys
    # Of private topics `topics_named` gives only one's own.
    may = topic.kind in ("feed", "chan", "space") or is_mine or topic == Topic("hub", keyring().hub.public)
    rows = topic_rows.topics_named([topic], reader) if may else []
    if not rows:
        raise AccordError("not_found", "no such topic, or it is not for you")
    return _topic(rows[0])


class TopicViewSet(HubViewSet):
    """All that I may read."""

    lookup_field = "topic"
    lookup_value_regex = TOPIC_REGEX

    @operation(
        "List topics",
        "All that the caller may read, by name: channels, feeds, the own inbox, the hub's.",
        answer=TopicPage,
        example={"items": [_TOPIC], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """By name."""
        limit, cursor = read_page(request)
        caller = caller_of(request)
        after = None if cursor is None else parse_topic(cursor.decode("ascii", "replace"))
        hub = keyring().hub.public
        rows = topic_rows.topics_of(reader_of(caller), hub=hub, after=after, limit=limit + 1)
        return Response(page(rows, limit, _topic, lambda row: row["topic"].encode()))

    @operation(
        "Show a topic",
        "By name.",
        answer=TopicSerializer,
        example=_TOPIC,
        parameters=[_path_topic(TOPIC_REGEX)],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, topic: str) -> Response:
        """One."""
        return Response(_one_topic(topic, caller_of(request)))

    @operation(
        "Show the root of a topic's tree",
        "The hub's signed statement of the Merkle root over all messages of the topic that it holds now (section 5 of "
        "the protocol). Only for those who may read the whole topic.",
        answer=RootSerializer,
        example=ROOT,
        parameters=[_path_topic(TOPIC_REGEX)],
        refuses=["not_found", "busy"],
    )
    @action(detail=True)
    def root(self, request: Request, topic: str) -> Response:
        """Signed anew each time."""
        name = parse_topic(topic)
        if not reads_all_of(caller_of(request), name):
            raise AccordError("not_found", "no such topic, or it is not for you")
        return Response(trees.root_statement(name, now=now_ms()))

    @operation(
        "List what hubs state of a topic's tree",
        "This hub's statement of the root, as `root` gives it, and then those of linked hubs that hold the topic and "
        "answered within a few seconds, each signed by its own hub; from `horizon` on. "
        "Only for those who may read the whole topic.",
        answer=RootsSerializer,
        example={"items": [ROOT]},
        parameters=[_path_topic(TOPIC_REGEX), _HORIZON],
        refuses=["bad_request", "not_found", "busy"],
    )
    @action(detail=True)
    def roots(self, request: Request, topic: str) -> Response:
        """Signed anew each time."""
        name = parse_topic(topic)
        if not reads_all_of(caller_of(request), name):
            raise AccordError("not_found", "no such topic, or it is not for you")
        return Response({"items": root_statements(name, read(RootsQuery, request.query_params)["horizon"])})

    @operation(
        "List receipts of pruning",
        "What this hub has removed of a topic, the oldest first: statements signed by the hub, each from where the one "
        "before ended up to the topic's horizon. A topic of which nothing was removed has none.",
        answer=PrunedPage,
        example={"items": [_PRUNED], "next": None},
        parameters=[_path_topic(TOPIC_REGEX), *PAGED],
        refuses=["bad_request", "not_found"],
        etag=True,
    )
    @action(detail=True)
    def pruned(self, request: Request, topic: str) -> Response:
        """By horizon."""
        limit, cursor = read_page(request)
        name = parse_topic(_one_topic(topic, caller_of(request))["topic"])
        after = 0 if cursor is None else min(int.from_bytes(cursor, "big"), MAX_ROW)
        rows = listing.receipts(name, after=after, limit=limit + 1)
        return Response(page(rows, limit, lambda row: orjson.Fragment(row[1]), lambda row: row[0].to_bytes(8, "big")))


class ChannelViewSet(HubViewSet):
    """Open channels: every member reads and writes them."""

    lookup_field = "topic"
    lookup_value_regex = CHANNEL_REGEX

    @operation(
        "List open channels",
        "By id.",
        answer=TopicPage,
        example={"items": [_TOPIC], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """By id."""
        limit, cursor = read_page(request)
        caller = caller_of(request)
        rows = topic_rows.channels(reader_of(caller), limit=limit + 1, after=cursor or b"")
        return Response(page(rows, limit, lambda row: _topic(row[1]), lambda row: row[0]))

    @operation(
        "Show an open channel",
        "By its topic.",
        answer=TopicSerializer,
        example=_TOPIC,
        parameters=[_path_topic(CHANNEL_REGEX)],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, topic: str) -> Response:
        """One."""
        return Response(_one_topic(topic, caller_of(request)))

    @operation(
        "Open a channel",
        "Takes a `chan.open` signed by the hub's admin, to the hub.",
        body=SignedSerializer,
        body_example=_OPEN_MESSAGE,
        answer=TopicSerializer,
        status=201,
        example=_TOPIC,
        refuses=OF_MESSAGES,
    )
    def create(self, request: Request) -> Response:
        """Publish the message that opens it."""
        caller = caller_of(request)
        body = publish_signed(caller, read(SignedSerializer, request.data)["message"], "chan.open")
        ident = open_channel_id(caller.key, body["nonce"], keyring().hub.public)
        return Response(_one_topic(Topic("chan", ident).name, caller), status=201)
