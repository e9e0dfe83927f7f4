"""The page of one account and what is done there: allowances, removal after a rehearsal, undo."""

from __future__ import annotations

import pytest
from django.test import Client

from accord.encoding import b64encode
from accord.invites import parse_link, temporary_key
from invites.models import Removal
from invites.removal import removal_finish
from peers.clock import now_ms
from peers.models import Account
from tests.console.conftest import page
from tests.console.test_deeds import audit, do
from tests.console.test_tables import peer_of
from tests.factories import Hub, account_of, envelope, person, store

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def ann(hub: Hub) -> Account:
    """With somebody below, a device, an invite that waits and something said."""
    key = hub.member("ann", invites=5, messages=10, bytes=1024 * 1024)
    hub.member("bob", by=key)
    hub.temporary("guest-1", by=key)
    peer_of("ann")
    store(envelope(key, hub.lounge, "hello"), envelope(key, hub.lounge, "again"))
    return account_of(key)


def path_of(account: Account) -> str:
    return f"/console/peers/account/{account.pk}/change/"


def test_what_is_known_of_a_person(operator: Client, ann: Account) -> None:
    text = page(operator, path_of(ann))
    for part in (
        "ann",
        "Here since",
        f"{ann.messages_used} of 10",
        "1.0 MiB",
        "laptop",
        "lounge",
        "waits",
        "Change the allowances",
        "2 of 5",
    ):
        assert part in text, part
    for kind in ("admin", "temp"):
        assert "<dl" in page(operator, path_of(Account.objects.get(kind=kind)))


def test_names_are_inert(operator: Client, ann: Account) -> None:
    Account.objects.filter(pk=ann.pk).update(name=SCRIPT)
    text = page(operator, path_of(ann)) + page(operator, f"/console/do/remove-branch/{ann.pk}/")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_allowances_are_changed(operator: Client, ann: Account) -> None:
    do(operator, f"allowances/{ann.pk}/", invites="7", messages="", mib="2")
    ann = Account.objects.select_related("balance").get(pk=ann.pk)
    assert (ann.balance.unspent, ann.messages_limit, ann.bytes_limit) == (7, None, 2 * 1024 * 1024)
    before = audit()
    answer = operator.post(f"/console/do/allowances/{ann.pk}/", {"invites": "7", "mib": "2", "confirmed": "1"})
    assert answer.status_code == 302
    assert audit() == before, "nothing was different"


@pytest.mark.parametrize("values", [{"invites": "-1"}, {"invites": "x"}, {"invites": "9999999"}, {"invites": ""}])
def test_allowances_that_cannot_be(operator: Client, ann: Account, values: dict[str, str]) -> None:
    answer = operator.post(f"/console/do/allowances/{ann.pk}/", {"messages": "1", **values, "confirmed": "1"})
    assert answer.status_code >= 400
    assert Account.objects.get(pk=ann.pk).messages_limit == 10


def test_a_branch_is_rehearsed_removed_and_restored(operator: Client, ann: Account) -> None:
    text = page(operator, f"/console/do/remove-branch/{ann.pk}/")
    for part in ("2 accounts go", "1 invite that waits", " messages (", "1 device", "10 minutes"):
        assert part in text, part
    do(operator, f"remove-branch/{ann.pk}/")
    text = page(operator, path_of(ann))
    assert "is being removed, 2 accounts" in text
    assert "Change the allowances" not in text
    below = Account.objects.get(name="bob")
    assert "an account above it" in page(operator, path_of(below))
    removal = Removal.objects.get()
    do(operator, f"undo-removal/{removal.pk}/")
    assert Account.objects.get(pk=below.pk).frozen_at is None
    assert "being removed" not in page(operator, path_of(ann)).replace("is being removed. It can", "")
    assert operator.get(f"/console/do/undo-removal/{removal.pk}/").status_code == 302


def test_one_account_goes_for_good(operator: Client, ann: Account, hub: Hub) -> None:
    do(operator, f"remove-account/{ann.pk}/")
    assert operator.get(f"/console/do/remove-account/{ann.pk}/").status_code == 302, "it is being removed already"
    removal_finish(now=now_ms() + 11 * 60_000)
    assert operator.get(path_of(ann)).status_code == 404
    assert Account.objects.get(name="bob").parent == account_of(hub.admin)
    text = page(operator, "/console/peers/auditentry/", q=b64encode(person("ann").public))
    assert "remove user" in text


@pytest.mark.parametrize("deed", ["allowances", "remove-account", "remove-branch"])
def test_the_admin_and_invites_are_left_alone(operator: Client, ann: Account, deed: str) -> None:
    for account in Account.objects.exclude(kind="real"):
        assert operator.get(f"/console/do/{deed}/{account.pk}/").status_code == 302


def test_an_owners_link_is_shown_once(operator: Client, ann: Account, hub: Hub) -> None:
    admin = account_of(hub.admin)
    assert "Make an owner" in page(operator, path_of(admin))
    shown = operator.post(f"/console/do/owner-link/{admin.pk}/", {"confirmed": "1"}).content.decode()
    assert "/recover#owner=" in shown
    assert admin.recoveries.count() == 1
    assert "/recover#owner=" not in page(operator, path_of(admin))
    operator.post(f"/console/do/owner-link/{ann.pk}/", {"confirmed": "1"})
    assert admin.recoveries.count() == 1


def test_an_invite_is_made(operator: Client, hub: Hub) -> None:
    values = {"name": "Carla", "people": "1", "hours": "24", "invites": "2", "messages": "50", "mib": ""}
    assert "Invite somebody" in page(operator, "/console/invites/invitation/")
    assert "how many others" in page(operator, "/console/do/invite/")
    answer = operator.post("/console/do/invite/", {**values, "confirmed": "1"}).content.decode()
    link = parse_link(f"http://testserver/join#{answer.partition('http://testserver/join#')[2].partition('<')[0]}")
    assert link.hub == hub.key
    account = Account.objects.select_related("balance").get(user__key=temporary_key(link.secret).public)
    assert (account.name, account.balance.unspent) == ("carla", 2)
    assert (account.messages_limit, account.bytes_limit) == (50, None)
    assert account.parent == account_of(hub.admin)
    operator.post("/console/do/invite/", {**values, "name": "", "people": "3", "confirmed": "1"})
    assert Account.objects.filter(kind="temp").count() == 4
    coded = {**values, "name": "dora", "code": "code", "confirmed": "1"}
    assert "The claim code, to be told by other means" in operator.post("/console/do/invite/", coded).content.decode()
    assert operator.post("/console/do/invite/", {**coded, "channel": "no channel"}).status_code == 400


@pytest.mark.parametrize(
    "values", [{"people": "51"}, {"people": "2"}, {"hours": "73"}, {"hours": ""}, {"invites": "-1"}, {"name": "a b"}]
)
def test_invites_that_cannot_be(operator: Client, hub: Hub, values: dict[str, str]) -> None:
    fitting = {"name": "carla", "people": "1", "hours": "24", "invites": "0"}
    answer = operator.post("/console/do/invite/", {**fitting, **values, "confirmed": "1"})
    assert answer.status_code == 400
    assert not Account.objects.filter(kind="temp").exists()
