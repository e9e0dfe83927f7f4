"""What the picture of the invite tree is drawn of."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from accord.encoding import b64encode
from tests.console.conftest import page
from tests.factories import Hub, account_of


def asked(client: Client, path: str, **query: str) -> Any:
    """A JSON answer."""
    return json.loads(page(client, path, **query))


def test_the_whole_tree_and_a_part_of_it(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    bob = hub.member("bob", by=ann, messages=1000)
    hub.temporary("waiting", by=ann)
    whole = asked(operator, "/console/tree/branch/")
    assert not whole["more"]
    rows = {row["name"]: row for row in whole["items"]}
    assert next(iter(rows)) == "admin"
    assert rows["bob"]["parent"] == rows["ann"]["key"] == b64encode(ann.public)
    assert (rows["ann"]["below"], rows["ann"]["below_waiting"], rows["ann"]["invites_left"]) == (2, 1, 7)
    assert (rows["bob"]["messages_limit"], rows["bob"]["bytes_limit"]) == (1000, None)
    part = asked(operator, "/console/tree/branch/", at=str(rows["ann"]["pk"]))
    assert [row["name"] for row in part["items"]] == ["ann", "bob", "waiting"]
    assert part["items"][0]["parent"] is None
    assert page(operator, "/console/tree/branch/", 404, at=str(account_of(bob).pk + 1000))
    assert asked(operator, "/console/tree/branch/", at="9" * 30) == whole


def test_what_is_known_of_an_account(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    temporary = hub.temporary("waiting", by=ann, invites=2)
    pk = account_of(ann).pk
    found = asked(operator, f"/console/tree/account/{pk}/")
    assert found["title"] == "ann"
    assert dict(found["facts"])["Invited by"] == "admin"
    assert not any("<" in value for _, value in found["facts"])
    assert page(operator, found["url"])
    invite = asked(operator, f"/console/tree/account/{account_of(temporary).pk}/")
    assert [button["text"] for button in invite["buttons"]] == ["Withdraw the invite"]
    assert page(operator, invite["buttons"][0]["url"])
    assert page(operator, "/console/tree/account/999999/", 404)


def test_nobody_else_sees_it(hub: Hub) -> None:
    for path in ("", "list/", "branch/", f"account/{account_of(hub.admin).pk}/"):
        assert Client().get(f"/console/tree/{path}").status_code == 302
