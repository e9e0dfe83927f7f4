"""The commands about people and their invites, as an operator calls them; each signs with the admin's key."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accord.encoding import b64encode
from accord.invites import normalize_code, parse_link, temporary_key
from accord.message_types import COUNT_LIMIT
from console.models import Setting
from invites.checking import check_ledger
from invites.models import Balance, Invitation, Removal
from messaging.models import Message
from peers import options
from tests.factories import Hub, account_of, install, person
from tests.hubs import run_command


@pytest.fixture
def hub(db: None) -> Hub:
    return install()


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def facts(command: str, *arguments: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(run(command, "--json", *arguments))
    return value


def key(name: str) -> str:
    return b64encode(person(name).public)


def test_an_account_for_a_key(hub: Hub) -> None:
    value = facts("add_user", "--invites", "4", "--messages", "9", "Ann", "--", key("ann"))
    assert value == {"key": key("ann"), "name": "ann", "invites": 4, "messages_limit": 9, "bytes_limit": None}
    account = account_of(person("ann"))
    assert account.parent == account_of(hub.admin)
    message = Message.objects.get(type="add_user")
    assert bytes(message.author.key) == hub.admin.public  # signed, as everything that changes the tree
    assert "4 invites" in run("add_user", "bob", "--invites", "4", "--", key("bob"))
    for arguments, says in (
        (("add_user", "ann", "--", key("carl")), "an account here"),
        (("add_user", "carl", "--", key("ann")), "an account here"),
        (("add_user", "carl", "--invites", "99999", "--", key("carl")), "not enough invites"),
        (("add_user", "carl", "short"), "43 letters"),
        (("add_user", "a b", "--", key("carl")), "3 to 32"),
    ):
        with pytest.raises(CommandError, match=says):
            run(*arguments)
    assert check_ledger().problems == []


def test_invites_are_given_and_taken_back(hub: Hub) -> None:
    ann = hub.member("ann", invites=2)
    assert facts("grant", "ann", "--invites", "5")["invites"] == 7
    assert facts("grant", "--invites=-3", "--", key("ann"))["invites"] == 4
    assert Balance.objects.get(account=account_of(ann)).granted == 4
    assert check_ledger().problems == []
    for arguments, says in (
        (("grant", "ann", "--invites=-5"), "only 4 invites"),
        (("grant", "ann", "--invites", "100000"), "not enough invites"),
        (("grant", "nobody", "--invites", "1"), "nobody here"),
        (("grant", "admin", "--invites", "1"), "stands above"),
        (("grant", "ann"), "say what to give"),
    ):
        with pytest.raises(CommandError, match=says) as refused:
            run(*arguments)
        assert refused.value.returncode == (2 if arguments == ("grant", "ann") else 1)
    assert facts("grant", "ann", "--messages", "7")["invites"] == 4


def test_allowances_are_given_and_lifted(hub: Hub) -> None:
    hub.member("ann")
    found = facts("grant", "ann", "--messages", "7", "--bytes", "0")
    assert (found["messages_limit"], found["bytes_limit"]) == (7, 0)
    assert "0 of 7" in run("grant", "ann", "--messages", "7")
    found = facts("grant", "ann", "--messages", "none", "--bytes", str(COUNT_LIMIT))
    assert (found["messages_limit"], found["bytes_limit"]) == (None, None)


def test_an_invite_with_everything_that_can_go_with_it(hub: Hub) -> None:
    found = facts(
        *("invite", "--invites", "2", "--messages", "50", "--bytes", "6000", "--name", "Carla", "--hours", "5"),
        *("--code", "--channel", "lounge"),
    )
    link = parse_link(found["link"])
    row = Invitation.objects.get(key=temporary_key(link.secret).public)
    assert (row.granted, row.messages_limit, row.bytes_limit) == (2, 50, 6000)
    assert found["expires"] == row.expires_at
    assert 0 <= row.created_at + 5 * 3_600_000 - row.expires_at < 60_000
    assert bytes(row.channels) == hub.lounge.ident
    assert row.code_hash is not None
    assert normalize_code(found["code"])
    assert account_of(temporary_key(link.secret)).name == "carla"
    assert found["code"] not in found["link"]


def test_an_invite_for_several(hub: Hub) -> None:
    found = facts("invite", "--people", "3", "--invites", "1")
    link = parse_link(found["link"])
    assert (link.people, found["people"], "code" in found) == (3, 3, False)
    keys = {temporary_key(link.secret, place).public for place in range(3)}
    assert {bytes(row.key) for row in Invitation.objects.all()} == keys
    assert "works 3 times" in run("invite", "--people", "3")
    assert check_ledger().problems == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--people", "51"), "1 to 50"),
        (("--people", "0"), "1 to 50"),
        (("--hours", "73"), "1 to 72"),
        (("--invites", "-1"), "0 or more"),
        (("--channel", "nowhere"), "no channel"),
        (("--people", "2", "--name", "bob"), "a name is for one"),
        (("--people", "50", "--invites", "1000"), "not enough invites"),
    ],
)
def test_invites_that_cannot_be(hub: Hub, arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("invite", *arguments)
    assert not Invitation.objects.exists()


def test_the_tree_as_a_picture_and_as_data(hub: Hub) -> None:
    ann = hub.member("ann", invites=9, messages=5)
    bob = hub.member("bob", by=ann, invites=3)
    hub.member("dora", by=bob)
    hub.temporary("guest-1", by=ann, invites=1)
    hub.member("carl")
    lines = run("tree").splitlines()
    assert [line.partition("  (")[0] for line in lines[:6]] == [
        "admin",
        "|-- ann",
        "|   |-- bob",
        "|   |   `-- dora",
        "|   `-- guest-1",
        "`-- carl",
    ]
    assert lines[1].endswith("(3 invites left, 3 below, 2 of 5 messages)")
    assert "invite that waits; 1 invite with it" in lines[4]
    assert "5 accounts and 995 unspent" in lines[-1]
    assert "".join(lines).isascii()
    found = facts("tree", "ann", "--depth", "1")
    assert [(item["name"], item["below"]) for item in found["items"]] == [("ann", 3), ("bob", 1), ("guest-1", 0)]
    assert (found["items"][1]["parent"], found["capacity"], found["more"]) == (key("ann"), 1_000, False)
    with pytest.raises(CommandError, match="nobody here"):
        run("tree", "nobody")


def test_a_long_chain_of_invites(hub: Hub) -> None:
    above = hub.member("p-000", invites=150)
    for number in range(1, 60):
        above = hub.member(f"p-{number:03}", by=above, invites=150 - 2 * number)
    assert len(run("tree").splitlines()) == 1 + 60 + 2
    assert check_ledger().problems == []


def test_a_ledger_that_is_balanced_and_one_that_is_not(hub: Hub) -> None:
    hub.member("ann", invites=3)
    assert "Balanced." in run("check_ledger")
    assert facts("check_ledger")["problems"] == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invites_balance SET unspent = unspent + 1, granted = granted + 1 WHERE granted = 3")
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("check_ledger", stdout=out, stderr=err)
    assert stopped.value.code == 1
    assert "NOT balanced" in out.getvalue()
    assert "the wallet of ann" in err.getvalue()
    with pytest.raises(SystemExit):
        call_command("check_ledger", "--json", stdout=(out := io.StringIO()))
    assert json.loads(out.getvalue())["problems"]


def test_as_processes(home: Any) -> None:
    """Exit codes and the one line on standard error, as a script meets them; the hub does not run."""
    assert json.loads(run_command(home, "check_ledger", "--json").stdout)["accounts"] == 0
    refused = run_command(home, "grant", "ann", "--invites", "1")
    assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (1, 1)


def test_a_branch_is_rehearsed_removed_and_taken_back(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    hub.member("bob", by=ann, invites=2)
    hub.temporary("guest", by=ann)
    expected = {"mode": "subtree", "accounts": 2, "waiting_invites": 1, "invites": 10, "name": "ann"}
    rehearsed = facts("remove_user", "ann", "--mode", "subtree", "--rehearse")
    assert {field: rehearsed[field] for field in expected} == expected
    assert not Removal.objects.exists()
    assert "2 accounts" in run("remove_user", "ann", "--mode", "subtree", "--rehearse")
    with pytest.raises(CommandError, match="--yes is needed") as refused:  # nobody sits before the test
        run("remove_user", "ann", "--mode", "subtree")
    assert refused.value.returncode == 2
    begun = facts("remove_user", "--mode", "subtree", "--yes", "--", key("ann"))
    assert (begun["state"], begun["accounts"], begun["key"]) == ("waiting", 2, key("ann"))
    message = Message.objects.get(type="remove_user")
    assert bytes(message.author.key) == hub.admin.public
    assert account_of(person("bob")).frozen_at is not None
    with pytest.raises(CommandError, match="removed already"):
        run("remove_user", "ann", "--yes")
    assert facts("remove_user", "ann", "--undo")["state"] == "undone"
    assert account_of(person("bob")).frozen_at is None
    assert check_ledger().problems == []


def test_one_is_removed_at_once_where_there_is_no_time_to_undo(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    bob = hub.member("bob", by=ann)
    hub.temporary("guest", by=ann)
    Setting.objects.create(name="removal_undo_minutes", value="0", changed_at=0)  # what the operator set in the console
    try:
        assert "has been removed" in run("remove_user", "ann", "--yes")
    finally:
        options.load({})
    assert account_of(bob).parent == account_of(hub.admin)
    for arguments, says in (
        (("remove_user", "ann", "--yes"), "nobody here"),
        (("remove_user", "ann", "--undo"), "nobody here"),
        (("remove_user", "bob", "--undo"), "no removal"),
        (("remove_user", "admin", "--yes"), "no member"),
    ):
        with pytest.raises(CommandError, match=says):
            run(*arguments)
    assert check_ledger().problems == []
