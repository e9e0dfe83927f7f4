"""Identities, and proof of work for strangers, over the REST API (protocol.md sections 10 and 14)."""

from __future__ import annotations

from typing import Any, Final

import orjson
from rest_framework import permissions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from messaging import door, listing, notes
from messaging.api.shared import EXAMPLE, reader_of
from messaging.listing import Identity
from messaging.notes import Note, Noted
from messaging.serializers import (
    IdentityPage,
    IdentitySerializer,
    NotedPage,
    NotesSerializer,
    PowChallengeSerializer,
    PowQuery,
)
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import (
    ANN,
    BOB,
    DEVICE,
    KEY_PATTERN,
    KEY_REGEX,
    NOW,
    PAGED,
    SERIAL,
    operation,
    path_key,
    query,
)
from peers.viewsets import HubViewSet, page, read, read_page

_IDENTITY_SHORT: Final = {"key": ANN, "name": "ann", "is_member": True, "hub": None, "hub_name": None}
_IDENTITY: Final = {**_IDENTITY_SHORT, "profile": None}


_NOTE: Final = {"author": BOB, "name": "bob", "message": EXAMPLE}


def _identity(found: Identity) -> dict[str, Any]:
    return {
        "key": b64encode(found.key),
        "name": found.name,
        "is_member": found.name is not None,
        "profile": None if found.profile is None else orjson.Fragment(found.profile),
        "hub": None if found.hub is None else b64encode(found.hub),
        "hub_name": found.hub_name,
    }


def _note(note: Note) -> dict[str, Any]:
    return {"author": b64encode(note.author), "name": note.name, "message": orjson.Fragment(note.item)}


def _noted(found: Noted) -> dict[str, Any]:
    return {
        "key": b64encode(found.key),
        "name": found.name,
        "is_member": found.name is not None,
        "hub": None if found.hub is None else b64encode(found.hub),
        "hub_name": found.hub_name,
        "notes": [_note(note) for note in found.notes],
    }


class IdentityViewSet(HubViewSet):
    """Whose feeds are held here, and who they say they are; what others say of anybody."""

    lookup_field = "key"
    lookup_value_regex = KEY_REGEX

    @operation(
        "List identities",
        "By key. `profile` is the newest `profile` message by them, to be verified like any message.",
        answer=IdentityPage,
        example={"items": [_IDENTITY], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """By key."""
        limit, cursor = read_page(request)
        rows = listing.identities(reader_of(caller_of(request)), limit=limit + 1, after=cursor or b"")
        return Response(page(rows, limit, _identity, lambda row: row.key))

    @operation(
        "Show an identity",
        "By user key.",
        answer=IdentitySerializer,
        example={**_IDENTITY, "profile": EXAMPLE},
        parameters=[path_key("key", "The user key.")],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """One."""
        rows = listing.identities(reader_of(caller_of(request)), limit=1, key=b64decode(key, 32))
        if not rows:
            raise AccordError("not_found", "no feed of that key is held here")
        return Response(_identity(rows[0]))

    @operation(
        "List who is noted",
        "By key: those of whom others say something in their feeds, whether or not a feed of theirs is held here.",
        answer=NotedPage,
        example={"items": [{**_IDENTITY_SHORT, "notes": [_NOTE]}], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    @action(detail=False)
    def noted(self, request: Request) -> Response:
        """By key."""
        limit, cursor = read_page(request)
        rows = notes.noted(reader_of(caller_of(request)), limit=limit + 1, after=cursor or b"")
        return Response(page(rows, limit, _noted, lambda row: row.key))

    @operation(
        "List what others say of somebody",
        "Of each author the newest note, the latest first; at most a hundred. Empty where nobody says anything.",
        answer=NotesSerializer,
        example={"items": [_NOTE]},
        parameters=[path_key("key", "The user key.")],
        refuses=["not_found"],
        etag=True,
    )
    @action(detail=True)
    def notes(self, request: Request, key: str) -> Response:
        """The latest first."""
        found = notes.notes_about(b64decode(key, 32), reader_of(caller_of(request)))
        return Response({"items": [_note(note) for note in found]})


class PowViewSet(HubViewSet):
    """Proof of work, for strangers."""

    authentication_classes = []
    permission_classes = [permissions.AllowAny]
    etags = False

    @operation(
        "Get a challenge",
        "For a message to a member by a key that has no account here (section 10 of the protocol). It is good for ten "
        "minutes, for one message.",
        answer=PowChallengeSerializer,
        example={
            "server": BOB,
            "key": ANN,
            "purpose": "mail",
            "difficulty": 18,
            "expires": NOW + 600_000,
            "nonce": SERIAL,
            "tag": DEVICE,
        },
        parameters=[
            query("purpose", "What for.", schema={"type": "string", "enum": ["mail"]}, required=True),
            query("key", "The author's key.", schema={"type": "string", "pattern": KEY_PATTERN}, required=True),
        ],
        refuses=["bad_request"],
        public=True,
    )
    def retrieve(self, request: Request) -> Response:
        """A fresh one."""
        asked = read(PowQuery, request.query_params)
        return Response(door.challenge_make(asked["key"], now=now_ms()))
