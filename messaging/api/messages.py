"""Messages over the REST API: publish, read, page, mentions, answers, references (protocol.md sections 1 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from rest_framework import permissions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord.merkle import ROOT_LEVEL, proof
from accord.topics import Topic, parse_topic
from messaging import listing, lookups, selectors, trees, using
from messaging.admission import BUILT_KINDS
from messaging.api.shared import EXAMPLE, EXAMPLE_ID, ROOT, TOPIC_REGEX, reader_of, reads_all_of
from messaging.listing import Reader, api_item
from messaging.places import Place, read_place, write_place
from messaging.publishing import messages_submit, publisher_of, result_bytes
from messaging.serializers import (
    RELATIONS,
    InclusionSerializer,
    MessagePage,
    MessageSerializer,
    MessagesQuery,
    PublishedSerializer,
    PublishSerializer,
    ReferencesQuery,
    read_id,
)
from peers.callers import Caller
from peers.keyring import keyring
from peers.rest import HasToken, caller_of
from peers.schema import (
    CURSOR_SCHEMA,
    ENVELOPE,
    KEY_REGEX,
    MAX_ROW,
    PAGED,
    OpenApiParameter,
    limit_query,
    operation,
    query,
)
from peers.sessions import Role
from peers.viewsets import HubViewSet, read, read_page

UUID_REGEX: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_PAGE: Final = {"items": [EXAMPLE], "next": None}
_MESSAGE: Final = OpenApiParameter(
    "ident",
    {"type": "string", "pattern": f"^(?:{KEY_REGEX}|{UUID_REGEX})$"},
    OpenApiParameter.PATH,
    description="The message's id or its UUID.",
)


def _listed(found: list[Any], following: str | None) -> Response:
    """A page of items that are JSON already."""
    return Response({"items": [orjson.Fragment(item) for _, item in found], "next": following})


def _arrival(number: int) -> str:
    return b64encode(number.to_bytes(8, "big"))


def _read_arrival(text: str) -> int:
    return min(int.from_bytes(b64decode(text, 8), "big"), MAX_ROW)


def _by_arrival(found: list[tuple[int, bytes]], more: bool) -> Response:
    return _listed(found, _arrival(found[-1][0]) if more else None)


class MessageViewSet(HubViewSet):
    """Messages."""

    lookup_field = "ident"
    lookup_value_regex = f"{KEY_REGEX}|{UUID_REGEX}"

    def get_permissions(self) -> Sequence[permissions.BasePermission]:
        """Who may only send mail, or only claim an account, publishes too; a temporary account reads what concerns
        it.
        """
        return [HasToken()] if self.action in ("create", "list") else super().get_permissions()  # type: ignore[return-value]

    @operation(
        "List messages of a topic, or mentions of me",
        "Either `topic`: by `(created_at, id)`, the newest first; with `after` the nearest later ones, the oldest "
        "first. Or `mentions=me`: messages that name me, by arrival, the newest first. `next` is to be given as the "
        "parameter that was used (`before`, if none was), and is null where there is nothing more in that direction "
        "now. A page holds about 1 MiB, so it may be shorter than `limit`. Of another user's inbox one reads "
        "what one wrote there.",
        answer=MessagePage,
        example={"items": [EXAMPLE], "next": "AAABoMSDrAA"},
        parameters=[
            query(
                "topic",
                "`chan:...`, `feed:...`, `user:...` or `hub:...`.",
                schema={"type": "string", "pattern": f"^{TOPIC_REGEX}$"},
            ),
            query("mentions", "Messages that name me.", schema={"type": "string", "enum": ["me"]}),
            query("before", "A `next`, or the id of a message: what is older.", schema=CURSOR_SCHEMA),
            query("after", "A `next`, or the id of a message: what is newer.", schema=CURSOR_SCHEMA),
            limit_query(500),
        ],
        refuses=["bad_request", "not_found"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """A page."""
        asked = read(MessagesQuery, request.query_params)
        caller = caller_of(request)
        if "topic" in asked:
            return self._of_topic(caller, asked)
        if not caller.is_member:
            raise AccordError("denied", "only members may do that")
        reader = reader_of(caller)
        found, more = listing.mentions(
            reader,
            limit=asked["limit"],
            before=self._arrival_asked(asked.get("before"), reader),
            after=self._arrival_asked(asked.get("after"), reader),
        )
        return _by_arrival(found, more)

    def _of_topic(self, caller: Caller, asked: dict[str, Any]) -> Response:
        topic = parse_topic(asked["topic"])
        if not caller.is_member and (caller.role is not Role.TEMP or topic.kind != "hub"):
            raise AccordError("denied", "only members may do that")
        reader = reader_of(caller)
        _check_kept(topic, reader)
        if caller.is_member and (unnoted := using.unnoted([topic], reader.now)):
            using.note(unnoted, reader.now)
        found, more = selectors.page(
            topic,
            reader,
            limit=asked["limit"],
            before=self._place_asked(asked.get("before"), reader),
            after=self._place_asked(asked.get("after"), reader),
        )
        items = [(place, api_item(place[1], item)) for place, item in found]
        return _listed(items, write_place(found[-1][0]) if more else None)

    def _place_asked(self, text: str | None, reader: Reader) -> Place | None:
        ident = None if text is None else read_id(text)
        if ident is None:
            return read_place(text)
        place = listing.place_of(ident, reader)
        if place is None:
            raise AccordError("not_found", "no such message is held")
        return place

    def _arrival_asked(self, text: str | None, reader: Reader) -> int | None:
        if text is None:
            return None
        ident = read_id(text)
        if ident is None:
            return _read_arrival(text)
        arrival = listing.arrival_of(ident, reader)
        if arrival is None:
            raise AccordError("not_found", "no such message is held")
        return arrival

    @operation(
        "Publish messages",
        "Takes what the frame `publish` takes, and answers when every message is durable or refused. Each has its "
        "own result; one that is refused leaves its neighbours alone, and the request is a success.",
        body=PublishSerializer,
        body_example={"messages": [ENVELOPE]},
        answer=PublishedSerializer,
        example={
            "results": [
                {"status": "stored", "id": EXAMPLE_ID},
                {"status": "rejected", "id": EXAMPLE_ID, "code": "denied"},
            ]
        },
        refuses=["busy"],
    )
    def create(self, request: Request) -> Response:
        """Bring them to the writer."""
        form = read(PublishSerializer, request.data)
        proofs = {proof["id"].hex(): proof for proof in form.get("pow", [])}
        results = messages_submit(form["messages"], publisher_of(caller_of(request)), proofs)
        return Response({"results": [orjson.Fragment(result_bytes(result)) for result in results]})

    def _ident(self, text: str, reader: Reader) -> bytes:
        ident = read_id(text) or listing.ident_of(text, reader)
        if ident is None:
            raise AccordError("not_found", "no such message is held, or it is not for you")
        return ident

    @operation(
        "Show a message",
        "By id or UUID. What the caller may not read is not found.",
        answer=MessageSerializer,
        example=EXAMPLE,
        parameters=[_MESSAGE],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, ident: str) -> Response:
        """One."""
        reader = reader_of(caller_of(request))
        item = listing.message_item(self._ident(ident, reader), reader)
        if item is None:
            raise AccordError("not_found", "no such message is held, or it is not for you")
        return Response(orjson.Fragment(item))

    @operation(
        "Prove that a topic's tree holds a message",
        "Nine steps from the message's leaf up to the root, which the hub signs (section 5 of the protocol); "
        "`accord.merkle.verify_proof` goes up them. Only for those who may read the whole topic. What is kept from "
        "before the topic's horizon, and what burns within minutes, is in no tree: `gone`.",
        answer=InclusionSerializer,
        example={
            "id": EXAMPLE_ID,
            "created_at": ROOT["at"],
            "steps": [{"ids": ""}, *[{"mask": 0, "hashes": ""}] * ROOT_LEVEL],
            "statement": ROOT,
        },
        parameters=[_MESSAGE],
        refuses=["not_found", "gone", "busy"],
    )
    @action(detail=True)
    def proof(self, request: Request, ident: str) -> Response:
        """Against the root of this moment."""
        caller = caller_of(request)
        reader = reader_of(caller)
        raw = self._ident(ident, reader)
        found = lookups.target(raw)
        if found is None or not reads_all_of(caller, found.topic):
            raise AccordError("not_found", "no such message is held, or it is not for you")
        return Response(_inclusion(raw, found, reader.now))

    def _about(self, request: Request, ident: str, relations: Sequence[str]) -> Response:
        limit, cursor = read_page(request)
        reader = reader_of(caller_of(request))
        target = self._ident(ident, reader)
        if listing.place_of(target, reader) is None:
            raise AccordError("not_found", "no such message is held, or it is not for you")
        after = 0 if cursor is None else _read_arrival(b64encode(cursor))
        return _by_arrival(*listing.about(target, relations, reader, limit=limit, after=after))

    @operation(
        "List replies to a message",
        "Messages that answer it (`attention_messages`), in order of arrival.",
        answer=MessagePage,
        example=_PAGE,
        parameters=[_MESSAGE, *PAGED],
        refuses=["bad_request", "not_found"],
        etag=True,
    )
    @action(detail=True)
    def replies(self, request: Request, ident: str) -> Response:
        """In order of arrival."""
        return self._about(request, ident, ["answer"])

    @operation(
        "List references to a message",
        "Edits, deletions, reactions and pins of it, in order of arrival. Whether one has an effect is for readers to "
        "judge (section 1 of the protocol).",
        answer=MessagePage,
        example=_PAGE,
        parameters=[
            _MESSAGE,
            query("relation", "Only these.", schema={"type": "string", "enum": [*RELATIONS]}),
            *PAGED,
        ],
        refuses=["bad_request", "not_found"],
        etag=True,
    )
    @action(detail=True)
    def references(self, request: Request, ident: str) -> Response:
        """In order of arrival."""
        relation = read(ReferencesQuery, request.query_params).get("relation")
        return self._about(request, ident, [relation] if relation else [*RELATIONS])


def _inclusion(ident: bytes, found: lookups.Target, now: int) -> dict[str, Any]:
    seen = trees.view(found.topic, now=now)
    try:
        steps = proof(seen, ident, found.created_at)
    except ValueError as error:
        raise AccordError("gone", "the message lies before the topic's horizon, or burns within minutes") from error
    return {
        "id": b64encode(ident),
        "created_at": found.created_at,
        "steps": steps,
        "statement": trees.statement_of(found.topic, trees.root_of_view(seen), now=now),
    }


def _check_kept(topic: Topic, reader: Reader) -> None:
    """AccordError("not_found") for topics that this hub does not keep, or not for the reader."""
    if topic.kind not in BUILT_KINDS:
        raise AccordError("not_found", f"this hub keeps no {topic.kind} topics")
    if topic.kind == "hub" and topic.ident != keyring().hub.public:
        raise AccordError("not_found", "that is another hub's topic")
    if topic.kind not in ("user", "hub") and not selectors.reads_whole(reader, topic):
        raise AccordError("not_found", f"no such {topic.kind} here")
