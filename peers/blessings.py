"""Which users let which hubs carry what they may read, and what is known of those hubs (protocol.md sections 2 to 4,
`serve`).

A blessing is a certificate with the scope `relay`. One that names another hub's key lets that hub read its user's inbox
here; one that names this hub's own key is kept for the hubs that it is for, which are shown it. Of other hubs nothing
is believed but `set_admin` statements under their own keys. All functions are for threads that may use the database.
Not here: what a relay's session may read and write (messaging).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import transaction
from django.db.models import Max, Q, QuerySet

from accord import fields
from accord.certs import Certificate, verify_certificate
from accord.encoding import b64encode, canonical
from accord.errors import AccordError, RemoteError
from accord.statements import admin_of, verify_statement
from peers import registry
from peers.keyring import keyring
from peers.loop import loop_bridge
from peers.models import Account, Blessing, Hub, User
from peers.options import HUB_NAME
from peers.selectors import is_revoked, statement
from peers.sessions import sessions
from peers.status import status_statements, status_take
from peers.tombstones import is_buried

MAX_CERTIFICATES_A_FRAME: Final = 100
MAX_HUBS_A_FRAME: Final = 100
MAX_USERS_A_HUB: Final = 10_000  # whom one hub serves here
MAX_BLESSINGS_OF_A_USER: Final = 8  # certificates that are kept for one hub: those that last longest
MAX_HUBS: Final = 1_000  # that the operator's links have told of
MAX_HUBS_OF_A_USER: Final = 16  # that a user's relays have told of
MAX_NAME_CHARS: Final = 80
LINKED_MS: Final = 30 * 24 * 3600 * 1000  # a hub that has proved its key within this time is a linked one
SEEN_STEP_MS: Final = 3600 * 1000
RELAY_ONLY: Final = ("relay",)

_STANDING: Final = Q(user__account__isnull=True) | Q(user__account__frozen_at__isnull=True)
_HUB: Final = {"name": fields.text(MAX_NAME_CHARS, 1), "admin": lambda value: value}


@dataclass(frozen=True, slots=True)
class Served:
    """The users of a `serve` frame whose certificates are good, with the times (ms) at which they expire."""

    users: dict[bytes, int]


def _read_list(frame: dict[str, Any], name: str, limit: int) -> list[Any]:
    value = frame.get(name, [])
    if type(value) is not list or len(value) > limit:
        raise RemoteError("bad_request", f"{name}: list of at most {limit} expected")
    return value


def _good(value: object, *, client: bytes, server: bytes | None, now: int) -> Certificate | None:
    try:
        certificate = verify_certificate(value, server=server, now=now)
    except RemoteError:
        return None
    # Who signs `login` for a hub would hand it the account; nobody means that.
    if certificate.client != client or certificate.scope != RELAY_ONLY:
        return None
    if is_revoked(certificate.user, serial=certificate.serial, client=client) or not _may_bless(certificate.user):
        return None
    return certificate


def _may_bless(user: bytes) -> bool:
    """Whether certificates of a user count: not while the account is frozen, nor once the key is buried."""
    return not is_buried(user) and not Account.objects.filter(user__key=user, frozen_at__isnull=False).exists()


# --------------------------------------------------------------------------------------------------------------- hubs


@transaction.atomic
def hub_seen(*, admin: object, name: str, proved: bool, now: int, by: bytes | None = None) -> bytes:
    """Note what a hub has signed about its admin; gives the hub's key. RemoteError if it has not signed that.

    `proved`: the hub itself is at the other end, so the name is its own word. `by`: the user whose relay tells it, None
    for a link of the operator's. AccordError("quota") when that user, or such links, have told of too many.
    """
    value = verify_statement(admin, type="set_admin")
    key = fields.key(value["hub"])
    user = admin_of(value).user
    if key == keyring().hub.public:
        return key
    row = Hub.objects.filter(key=key).first()
    if row is None:
        told = Hub.objects.filter(told_by__key=by) if by is not None else Hub.objects.filter(told_by__isnull=True)
        if told.count() >= (MAX_HUBS if by is None else MAX_HUBS_OF_A_USER):
            raise AccordError("quota", "too many hubs have been heard of from there")
        teller = None if by is None else User.objects.get_or_create(key=by)[0]
        row = Hub(key=key, name=_plain(name) or b64encode(key)[:8], stated_at=-1, first_seen=now, told_by=teller)
    if value["at"] > row.stated_at:
        row.admin, row.set_admin, row.stated_at = user, canonical(value), value["at"]
    if proved:
        row.name = _plain(name) or row.name
        if row.last_seen <= now - LINKED_MS:
            transaction.on_commit(lambda: _tell_linked(now))
        if row.last_seen <= now - SEEN_STEP_MS:
            row.last_seen = now
    row.save()
    return key


def _plain(name: str) -> str:
    """A name without characters that cannot be seen or that turn others round."""
    return "".join(char for char in name if char.isprintable()).strip()


def hub_forget(key: bytes) -> None:
    """A hub is linked no more: nobody is asked to bless this hub for it until it proves its key again."""
    Hub.objects.filter(key=key).update(last_seen=0)


def linked_hubs(*, now: int) -> list[bytes]:
    """The keys of the hubs that this one is linked with, rising."""
    found = {bytes(key) for key in Hub.objects.filter(last_seen__gt=now - LINKED_MS).values_list("key", flat=True)}
    return sorted(found.union(*(listed() for listed in registry.linked_hubs)))


def _tell_linked(now: int) -> None:
    frame = {"type": "linked", "hubs": [b64encode(key) for key in linked_hubs(now=now)]}

    def tell() -> None:
        for session in sessions.members():
            session.send_json(frame)

    loop_bridge.soon(tell)


def _told_hubs() -> list[dict[str, Any]]:
    """What is told of hubs: of this one first, then of those it knows."""
    own = {"name": HUB_NAME.value, "admin": statement("set_admin")}
    rows = Hub.objects.order_by("-last_seen", "pk").values_list("name", "set_admin")[:MAX_HUBS]
    return [own, *({"name": name, "admin": orjson.loads(bytes(admin))} for name, admin in rows)]


# ---------------------------------------------------------------------------------------------------- of other hubs


def serve_take(frame: dict[str, Any], *, hub: bytes, now: int, by: bytes | None = None) -> Served:
    """Take a `serve` of the hub that has proved the key `hub`: note the hubs it tells of and the users who bless it.
    `by` is the user whose relay it is, None where this hub has dialled.

    Its `status` is obeyed. Certificates that are not good are left out, and so are statements. AccordError: bad_request
    (form), quota.
    """
    certificates = _read_list(frame, "certs", MAX_CERTIFICATES_A_FRAME)
    told = _read_list(frame, "hubs", MAX_HUBS_A_FRAME)
    own = keyring().hub.public
    checked = [(_good(value, client=hub, server=own, now=now), value) for value in certificates]
    for value in told:
        entry = fields.read(value, _HUB, "hub")
        try:
            is_own = type(entry["admin"]) is dict and entry["admin"].get("hub") == b64encode(hub)
            hub_seen(admin=entry["admin"], name=entry["name"], proved=is_own, now=now, by=by)
        except AccordError:
            continue
    if "status" in frame:
        with contextlib.suppress(AccordError):  # known already, mostly
            status_take(frame["status"], hub=hub, now=now)
    users: dict[bytes, int] = {}
    with transaction.atomic():
        for certificate, value in checked:
            if certificate is not None:
                _bless(certificate, value, now=now)
                users[certificate.user] = max(certificate.expiration, users.get(certificate.user, 0))
    return Served(users)


def serve_frames(hub: bytes, *, now: int) -> list[dict[str, Any]]:
    """The `serve` frames, without `ref`, that show a hub who of the members here may be served there, which hubs are
    known here, and whom this one hears no more. At least one.
    """
    certificates = certificates_for(hub, now=now)
    told, pages = _told_hubs(), status_statements()
    count = max(-(-len(certificates) // MAX_CERTIFICATES_A_FRAME), -(-len(told) // MAX_HUBS_A_FRAME), len(pages))
    return [
        {
            "type": "serve",
            "certs": certificates[index * MAX_CERTIFICATES_A_FRAME : (index + 1) * MAX_CERTIFICATES_A_FRAME],
            "hubs": told[index * MAX_HUBS_A_FRAME : (index + 1) * MAX_HUBS_A_FRAME],
            **({"status": pages[index]} if index < len(pages) else {}),
        }
        for index in range(count)
    ]


def certificates_for(hub: bytes, *, now: int) -> list[dict[str, Any]]:
    """Of each member here who blesses this hub for another one, the certificate that lasts longest."""
    rows = (
        Blessing.objects.filter(hub=keyring().hub.public, expiration__gt=now, user__account__carried=True)
        .filter(_STANDING)
        .exclude(user__account__kind=Account.Kind.TEMP)
        .order_by("expiration")
        .values_list("user_id", "certificate")
    )
    name = b64encode(hub)
    found: dict[int, dict[str, Any]] = {}
    for user_id, raw in rows:
        value = orjson.loads(bytes(raw))
        if name in value["servers"] or value["servers"] == ["*"]:
            found[user_id] = value
    return list(found.values())


def blessed_hubs(users: Collection[bytes], *, now: int) -> dict[bytes, set[bytes]]:
    """Which other hubs serve these users; users without one are left out."""
    rows = Blessing.objects.filter(_STANDING, user__key__in=users, expiration__gt=now)
    rows = rows.exclude(hub=keyring().hub.public)
    found: dict[bytes, set[bytes]] = {}
    for user, hub in rows.values_list("user__key", "hub"):
        found.setdefault(bytes(user), set()).add(bytes(hub))
    return found


def blessings_of(hub: bytes, *, now: int) -> QuerySet[Blessing]:
    """What lets a hub serve people."""
    return Blessing.objects.filter(_STANDING, hub=hub, expiration__gt=now)


def blessed_users(hub: bytes, *, now: int) -> set[bytes]:
    """Whom a hub serves."""
    return {bytes(user) for user in blessings_of(hub, now=now).values_list("user__key", flat=True)}


def blessed_until(user: bytes, hub: bytes, *, now: int) -> int:
    """When (ms) a hub ceases to serve a user; 0 if it does not."""
    rows = Blessing.objects.filter(_STANDING, user__key=user, hub=hub, expiration__gt=now)
    return rows.aggregate(last=Max("expiration"))["last"] or 0


# ------------------------------------------------------------------------------------------------------ of this hub


def carries_to(user: bytes, hub: bytes, *, now: int) -> bool:
    """Whether a member blesses this hub to carry to another one and back."""
    state = carried(user, now=now)
    return state.carry and any(
        b64encode(hub) in each["servers"] or each["servers"] == ["*"] for each in state.blessings
    )


@dataclass(frozen=True, slots=True)
class Carried:
    """How a member is carried to other hubs: whether that is wanted, and under which certificates."""

    carry: bool
    blessings: list[dict[str, Any]]  # serial, servers, until, as `served` has them


def carried(user: bytes, *, now: int) -> Carried:
    """How a member is carried."""
    carry = Account.objects.values_list("carried", flat=True).get(user__key=user)
    rows = Blessing.objects.filter(user__key=user, hub=keyring().hub.public, expiration__gt=now)
    blessings = []
    for raw in rows.order_by("-expiration").values_list("certificate", flat=True):
        value = orjson.loads(bytes(raw))
        blessings.append({"serial": value["serial"], "servers": value["servers"], "until": value["expiration"]})
    return Carried(carry, blessings)


@transaction.atomic
def own_take(frame: dict[str, Any], *, user: bytes, now: int) -> bool:
    """Take a member's `serve`: certificates for this hub to show to others, or that there shall be none. Gives whether
    anything is different now.

    RemoteError("bad_request") for certificates that do not bless this hub, and it only, to carry; AccordError("denied")
    while the member wants not to be carried.
    """
    values = _read_list(frame, "certs", MAX_CERTIFICATES_A_FRAME)
    account = Account.objects.get(user__key=user)
    before = account.carried
    if "carry" in frame:
        account.carried = fields.boolean(frame["carry"])
        account.save(update_fields=["carried"])
    own = keyring().hub.public
    if not account.carried:
        if values:
            raise AccordError("denied", "you have said that this hub shall not carry for you")
        return bool(Blessing.objects.filter(user__key=user, hub=own).delete()[0]) or before
    for value in values:
        certificate = _good(value, client=own, server=None, now=now)
        if certificate is None or certificate.user != user:
            raise RemoteError("bad_request", "certs: yours, for this hub's key, of the scope relay alone")
        _bless(certificate, value, now=now)
    return bool(values) or not before


# ------------------------------------------------------------------------------------------------------------- rows


def _bless(certificate: Certificate, value: dict[str, Any], *, now: int) -> None:
    living = Blessing.objects.filter(hub=certificate.client, expiration__gt=now)
    is_new = not living.filter(user__key=certificate.user).exists()
    if is_new and living.values("user").distinct().count() >= MAX_USERS_A_HUB:
        raise AccordError("quota", f"a hub serves at most {MAX_USERS_A_HUB} users here")
    user, _ = User.objects.get_or_create(key=certificate.user)
    Blessing.objects.get_or_create(
        user=user,
        hub=certificate.client,
        serial=certificate.serial,
        defaults={"expiration": certificate.expiration, "certificate": canonical(value)},
    )
    kept = Blessing.objects.filter(user=user, hub=certificate.client).order_by("-expiration", "-pk")
    surplus = list(kept.values_list("pk", flat=True)[MAX_BLESSINGS_OF_A_USER:])
    Blessing.objects.filter(pk__in=surplus).delete()
    if is_new and certificate.client != keyring().hub.public:
        for hook in registry.blessing_hooks:
            hook(certificate.user, certificate.client, now)


def blessings_revoke(*, user: bytes, serial: bytes | None, client: bytes | None) -> int:
    """Drop what a user has revoked, by serial or by the hub's key; gives the number of rows."""
    rows = Blessing.objects.filter(user__key=user)
    rows = rows.filter(serial=serial) if serial is not None else rows.filter(hub=client)
    return rows.delete()[0]


def blessings_expire(*, now: int) -> int:
    """Drop what has expired; gives the number of rows."""
    return Blessing.objects.filter(expiration__lte=now).delete()[0]
