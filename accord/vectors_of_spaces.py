"""Checks of the sections of a vector file about spaces (accord.vectors; protocol.md section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from accord import space_invites, spaces
from accord.encoding import b64decode, b64encode
from accord.vector_checks import Entry, equal, refused

_BYTES: Final = frozenset({"nonce", "user", "channel", "pubkey", "proof"})  # fields of bodies


def read_deed(value: dict[str, Any]) -> spaces.Deed:
    """A deed of a case: {id, from, type, created_at, body, prev?}."""
    body = {name: b64decode(item) if name in _BYTES else item for name, item in value["body"].items()}
    prev = tuple(b64decode(ident) for ident in value.get("prev", ()))
    return spaces.Deed(b64decode(value["id"]), b64decode(value["from"]), value["type"], prev, value["created_at"], body)


def _channel_json(ident: bytes, channel: spaces.Channel) -> dict[str, Any]:
    value: dict[str, Any] = {"channel": b64encode(ident), "name": channel.name}
    value |= {
        name: getattr(channel, name) for name in ("about", "voice", "private", "closed") if getattr(channel, name)
    }
    return value if channel.burn_ms is None else {**value, "burn_ms": channel.burn_ms}


def view_json(view: spaces.SpaceView) -> dict[str, Any]:
    """A view as a case has it: keys and ids rising, admins in the order of their standing."""
    return {
        "name": view.name,
        "about": view.about,
        "members": [{"user": b64encode(key), "role": view.members[key]} for key in sorted(view.members)],
        "admins": [b64encode(key) for key in view.admins],
        "channels": [_channel_json(ident, view.channels[ident]) for ident in sorted(view.channels)],
        "invites": [
            {"pubkey": b64encode(key), "expires": invite.expires, "left": invite.left, "by": b64encode(invite.by)}
            for key, invite in sorted(view.invites.items())
        ],
        "effect": [b64encode(ident) for ident in view.order if ident in view.effect],
        "waiting": [b64encode(ident) for ident in sorted(view.waiting)],
        "heads": [b64encode(ident) for ident in view.heads],
    }


def _spaces(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            deeds = [read_deed(value) for value in case["messages"]]
            for order in (deeds, deeds[::-1]):
                view = spaces.SpaceView.of_deeds(b64decode(case["space"]), order)
                equal([b64encode(ident) for ident in view.order], case["linear"])
                equal(view_json(view), case["view"])

        yield case["why"], check


def _space_invite(case: dict[str, str]) -> Iterator[Entry]:
    def check() -> None:
        creator, nonce, space, user = (b64decode(case[name]) for name in ("creator", "nonce", "space", "user"))
        equal(spaces.space_id(creator, nonce), space)
        equal(b64encode(spaces.channel_id(creator, nonce, space)), case["channel"])
        link = space_invites.parse_space_link(case["link"])
        equal((link.secret.hex(), link.space, b64encode(link.hub)), (case["secret"], space, case["hub"]))
        equal(str(link), case["link"])
        key = space_invites.invite_key(link.secret)
        equal(b64encode(key.public), case["pubkey"])
        equal(b64encode(space_invites.make_join_proof(key, space=space, user=user)), case["proof"])
        space_invites.verify_join_proof(b64decode(case["proof"]), invite=key.public, space=space, user=user)

    yield "ids, link, proof", check


def _space_links_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        yield case["why"], partial(refused, partial(space_invites.parse_space_link, case["link"]), "bad_request")


ALONE: Final[dict[str, Callable[[Any], Iterator[Entry]]]] = {
    "spaces": _spaces,
    "space_invite": _space_invite,
    "space_links_reject": _space_links_reject,
}
