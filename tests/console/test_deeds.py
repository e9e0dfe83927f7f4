"""What the operator does is said first, confirmed, done, and written down. Live sessions: test_hub.py."""

from __future__ import annotations

import pytest
from django.test import Client

from accord.errors import AccordError
from console import services
from console.hooks import check_blocked
from console.models import Block
from invites.models import Balance, Invitation
from invites.selectors import tally
from messaging.models import Message, Topic
from peers.clock import now_ms
from peers.consumer import admit_certificate
from peers.models import Account, AuditEntry, Certificate, Token
from tests.console.conftest import page
from tests.console.test_tables import peer_of
from tests.factories import HOUR_MS, NOW, Hub, account_of, envelope, person, store
from tests.peers.test_revocation import certificate


def audit() -> list[str]:
    """What was done, but for the messages that the hub has signed to do it: they are entries of their own."""
    return list(AuditEntry.objects.exclude(actor__startswith="user ").order_by("pk").values_list("action", flat=True))


def do(client: Client, path: str, **values: object) -> None:
    """Say yes to a deed that says first what it does."""
    assert "What it does" in page(client, f"/console/do/{path}")
    before = audit()
    assert client.post(f"/console/do/{path}", values).status_code == 200 if values else True
    assert audit() == before, "a deed is done once it is confirmed"
    answer = client.post(f"/console/do/{path}", {**values, "confirmed": "1"})
    assert answer.status_code == 302, answer.content.decode()
    assert len(audit()) == len(before) + 1


def test_a_notice(operator: Client, hub: Hub) -> None:
    (pk,) = Topic.objects.filter(kind="chan").values_list("pk", flat=True)
    answer = operator.post("/console/do/notice/", {"channel": str(pk), "text": "tea <i>at</i> five"})
    assert "tea &lt;i&gt;at&lt;/i&gt; five" in answer.content.decode()
    do(operator, "notice/", channel=str(pk), text="tea at five")
    message = Message.objects.select_related("author", "topic").order_by("-cursor")[0]
    assert (message.type, message.topic_id) == ("chat.text", pk)
    assert bytes(message.author.key) == hub.admin.public
    assert b"attention_keys" not in bytes(message.header)
    assert bytes(message.body or b"") == b'{"text":"tea at five"}'
    assert "tea" not in page(operator, "/console/peers/auditentry/")


@pytest.mark.parametrize(
    "values",
    [{"channel": "1", "text": ""}, {"channel": "x", "text": "a"}, {"channel": "1", "text": "x" * 4_001}, {"text": "a"}],
)
def test_a_notice_that_cannot_be_said(operator: Client, values: dict[str, str]) -> None:
    before = Message.objects.count()
    assert operator.post("/console/do/notice/", {**values, "confirmed": "1"}).status_code == 400
    assert Message.objects.count() == before


def test_an_open_channel(operator: Client, hub: Hub) -> None:
    do(operator, "open-channel/", name="garden", about="")
    do(operator, "open-channel/", name="kitchen", about="what to eat")
    row = Topic.objects.get(name="kitchen")
    assert (row.kind, row.about) == ("chan", "what to eat")
    assert audit()[-2:] == ["open_channel", "open_channel"]


def test_withdrawing_an_invite(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann", invites=3)
    hub.temporary("guest-1", by=ann, invites=1)
    account = Account.objects.get(name="guest-1")
    Account.objects.filter(pk=account.pk).update(expires_at=now_ms() + HOUR_MS)
    before = tally()
    do(operator, f"withdraw-invite/{account.pk}/")
    assert not Account.objects.filter(name="guest-1").exists()
    assert Invitation.objects.get().state == "withdrawn"
    assert Balance.objects.get(account=account_of(ann)).unspent == 3
    assert tally().capacity == before.capacity
    assert operator.get(f"/console/do/withdraw-invite/{account.pk}/").status_code == 302


def test_a_member_is_no_invite(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    assert operator.post(f"/console/do/withdraw-invite/{account_of(ann).pk}/", {"confirmed": "1"}).status_code == 302
    assert account_of(ann)


def test_refusing_a_device_bars_its_login_until_it_is_lifted(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    peer = peer_of("ann")
    Token.objects.create(
        hash=b"h" * 32,
        session="x",
        is_socket=False,
        user=peer.user,
        client=bytes(peer.key),
        serial=b"s" * 16,
        created_at=NOW,
        expires_at=NOW,
    )
    shown = certificate(ann)
    assert admit_certificate(shown).name == "ann"
    do(operator, f"refuse-device/{peer.pk}/", reason="lost")
    with pytest.raises(AccordError) as refusal:
        admit_certificate(shown)
    assert refusal.value.code == "unauthorized"
    assert not Token.objects.exists()
    assert admit_certificate(certificate(ann, client=person("phone").public)).name == "ann"
    block = Block.objects.get()
    assert (block.reason, bytes(block.client or b"")) == ("lost", bytes(peer.key))
    do(operator, f"lift/{block.pk}/")
    assert admit_certificate(shown).name == "ann"
    assert audit()[-2:] == ["block", "unblock"]


def test_refusing_one_certificate_leaves_the_device_its_others(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    peer_of("ann", serial=b"s" * 16)
    do(operator, f"refuse-certificate/{Certificate.objects.get().pk}/", reason="")
    with pytest.raises(AccordError):
        check_blocked(certificate(ann, serial=b"s" * 16))
    check_blocked(certificate(ann, serial=b"o" * 16))


def test_refusing_twice_is_refusing_once(hub: Hub) -> None:
    services.block_add(client=b"c" * 32, reason="", now=NOW)
    services.block_add(client=b"c" * 32, reason="", now=NOW)
    assert Block.objects.count() == 1


def test_capacity(operator: Client, hub: Hub) -> None:
    hub.member("ann", invites=4)
    do(operator, "capacity/", capacity="1500")
    held = tally()
    assert (held.capacity, held.accounts + held.unspent) == (1_500, 1_500)
    assert operator.post("/console/do/capacity/", {"capacity": "4", "confirmed": "1"}).status_code == 403
    do(operator, "capacity/", capacity="5")
    assert tally().capacity == 5
    for wrong in ("", "-1", "x", "9" * 7, "1.5"):
        assert operator.post("/console/do/capacity/", {"capacity": wrong, "confirmed": "1"}).status_code == 400


def test_ending_a_token(operator: Client, hub: Hub) -> None:
    hub.member("ann")
    peer = peer_of("ann")
    token = Token.objects.create(
        hash=b"h" * 32,
        session="x",
        is_socket=False,
        user=peer.user,
        client=bytes(peer.key),
        serial=b"s" * 16,
        created_at=NOW,
        expires_at=NOW,
    )
    do(operator, f"end-token/{token.pk}/")
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "nothing/",
        "nothing/1/",
        *(
            f"{name}/{target}/"
            for name in ("refuse-device", "refuse-certificate", "lift", "end-token", "pin", "delete-message")
            for target in ("0", "x", "9" * 30)
        ),
        "end-session/abc/",
        "refuse-session/abc/",
        "remove-factor/77/",
        "withdraw-invite/x/",
    ],
)
def test_a_deed_without_its_target_does_nothing(operator: Client, path: str) -> None:
    before = audit()
    for answer in (operator.get(f"/console/do/{path}"), operator.post(f"/console/do/{path}", {"confirmed": "1"})):
        assert answer.headers["Location"] == "/console/"
    assert audit() == before


def test_looking_at_a_deed_does_nothing(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    peer = peer_of("ann")
    store(envelope(ann, hub.lounge, "x"))
    before = audit()
    cursor = Message.objects.order_by("-cursor").values_list("pk", flat=True)[0]
    for path in (f"refuse-device/{peer.pk}/", f"delete-message/{cursor}/", "capacity/", "metrics-token/"):
        page(operator, f"/console/do/{path}")
        page(operator, f"/console/do/{path}?confirmed=1")
    assert audit() == before
    assert not Block.objects.exists()
