"""The page of one account, for whoever is no programmer: who it is, what it may, where it is, what it did, what to do.

Not here: the table of people (people_tables.py), the deeds (people_deeds.py).
"""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count, Max
from django.urls import reverse

from console import charts, live
from console.shown import ago, count, key_html, moment, size, whole_key_html
from invites.models import Invitation, Removal
from invites.removal_selectors import strikes_of
from messaging.models import Message
from messaging.selectors import store_cursor
from peers.models import Account, Peer

LOOKED_AT: Final = 50_000  # messages: there is no index by author
ROWS_SHOWN: Final = 50
_KINDS: Final = {"admin": "admin", "real": "member", "temp": "invite that waits"}
_STATES: Final = {"waiting": "waits", "claimed": "claimed", "expired": "expired", "withdrawn": "withdrawn"}

Section = tuple[str, tuple[str, ...], list[tuple[Any, ...]], str]  # title, headers, rows (name, address, ...), if empty


def person_context(account: Account, *, now: int) -> dict[str, Any]:
    """What the template draws of a claimed account, at a time in ms."""
    devices = list(Peer.objects.filter(user=account.user_id).order_by("-last_seen")[:ROWS_SHOWN])
    sessions = [session for session in live.snapshot() or () if session.user == bytes(account.user.key)]
    sections: list[Section] = [
        _invites(account),
        (
            "Live sessions",
            ("Device", "Since"),
            [
                (
                    key_html(session.client),
                    reverse("admin:session", args=[session.sid]),
                    ago(session.started_at, now),
                )
                for session in sessions[:ROWS_SHOWN]
            ],
            "Not connected to this hub now.",
        ),
        (
            "Devices",
            ("Device", "First seen", "Last seen"),
            [
                (
                    peer.name or key_html(peer.key),
                    reverse("admin:peers_peer_change", args=[peer.pk]),
                    moment(peer.first_seen),
                    ago(peer.last_seen, now),
                )
                for peer in devices
            ],
            "No program of theirs has logged in here.",
        ),
        _channels(account, now),
    ]
    return {
        "facts": _facts(account, devices, is_here=bool(sessions), now=now),
        "allowances": _allowances(account),
        "removal": _removal(account, now),
        "sections": [
            (
                title,
                headers,
                [(name, url, list(zip(headers[1:], cells, strict=True))) for name, url, *cells in rows],
                empty,
            )
            for title, headers, rows, empty in sections
        ],
    }


def _facts(account: Account, devices: list[Peer], *, is_here: bool, now: int) -> list[tuple[str, Any]]:
    strikes = strikes_of([account.pk], now=now).get(account.pk, 0)
    inviter = account.parent
    seen = "now" if is_here else ago(devices[0].last_seen, now) if devices else "never"
    found: list[tuple[str, Any]] = [
        ("Name", account.name),
        ("What it is", _KINDS[account.kind]),
        ("Invited by", inviter.name if inviter else "nobody: it is the root of the tree"),
        ("Here since (UTC)", moment(account.created_at)),
        ("Last seen", seen),
        ("People invited", f"{account.children.filter(kind=Account.Kind.REAL).count():,}"),
        ("Strikes", f"{strikes}: branches below it that were removed within 90 days" if strikes else "none"),
        ("Fingerprint", whole_key_html(account.user.key)),
    ]
    return found


def _allowances(account: Account) -> list[dict[str, Any]]:
    def one(title: str, used: int, limit: int | None, text: Any) -> dict[str, Any]:
        says = f"{text(used)} of {text(limit)}" if limit is not None else f"{text(used)}, no limit"
        share = used / limit if limit else 1.0 if limit == 0 and used else None
        return {"title": title, "says": says, "gauge": None if share is None else charts.gauge(share, says)}

    balance = account.balance
    return [
        one("Messages", account.messages_used, account.messages_limit, lambda number: f"{number:,}"),
        one("Stored", account.bytes_used, account.bytes_limit, size),
        one("Invites given away", balance.spent, balance.granted, lambda number: f"{number:,}"),
    ]


def _removal(account: Account, now: int) -> dict[str, Any] | None:
    """The removal that waits, of the account itself or of one above it."""
    own = Removal.objects.filter(account=account, state=Removal.State.WAITING).first()
    if own is None and account.frozen_at is None:
        return None
    if own is None:
        return {"says": "It is frozen, because an account above it is being removed with its branch.", "pk": None}
    went = count(own.accounts, "account", "accounts")
    return {
        "says": f"It is being removed, {went} in all. Until {moment(own.final_at)} UTC ({ago(own.final_at, now)}) that "
        "can be undone, and everything is as it was.",
        "pk": own.pk,
    }


def _invites(account: Account) -> tuple[str, tuple[str, ...], list[tuple[Any, ...]], str]:
    rows = Invitation.objects.filter(inviter=account).select_related("claimed_by__account").order_by("-pk")
    made = []
    for row in rows[:ROWS_SHOWN]:
        came = getattr(row.claimed_by, "account", None) if row.claimed_by else None
        name = came.name if came else "an invite"
        url = (
            reverse("admin:peers_account_change", args=[came.pk])
            if came
            else reverse("admin:invites_invitation_change", args=[row.pk])
        )
        made.append((name, url, _STATES.get(row.state, row.state), moment(row.created_at)))
    return ("Invites", ("Who", "State", "Made (UTC)"), made, "Has invited nobody by a link.")


def _channels(account: Account, now: int) -> tuple[str, tuple[str, ...], list[tuple[Any, ...]], str]:
    """Where it has written, of the newest messages of the hub."""
    late = Message.objects.filter(cursor__gt=store_cursor() - LOOKED_AT, author=account.user_id, topic__kind="chan")
    found = late.values_list("topic_id", "topic__name").annotate(number=Count("cursor"), last=Max("created_at"))
    rows = [
        (
            name or "a channel of another hub",
            reverse("admin:messaging_topic_change", args=[topic]),
            f"{number:,}",
            ago(last, now),
        )
        for topic, name, number, last in found.order_by("-number")[:ROWS_SHOWN]
    ]
    title = f"Channels written in (of the newest {LOOKED_AT:,} messages of the hub)"
    return (title, ("Channel", "Messages", "Last"), rows, "None of late.")
