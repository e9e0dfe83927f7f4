"""Settings: checked, written down, obeyed at once, and never an obstacle."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from accord.errors import AccordError
from console import services
from console.models import Setting
from messaging.admission import MESSAGE_KIB, Right, admit
from messaging.door import DIFFICULTY, STRANGERS
from peers import options
from peers.clock import now_ms
from peers.models import AuditEntry
from peers.options import HUB_NAME, LOG_LEVEL, MAX_SOCKETS, OPTIONS
from tests.console.conftest import page
from tests.factories import NOW, Hub, admitted, envelope, inbox, person

pytestmark = pytest.mark.django_db(transaction=True)  # what is set is obeyed once it is committed


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    options.load({})
    logging.getLogger().setLevel(level)


def change(client: Client, name: str, value: str, status: int = 302) -> str:
    answer = client.post("/console/settings/", {"name": name, "value": value})
    assert answer.status_code == status, answer.content.decode()
    return answer.content.decode()


def test_every_setting_explains_itself(operator: Client) -> None:
    text = page(operator, "/console/settings/")
    finding = {"find_scan", "scan_networks", "allowed_networks", "find_mdns", "find_dht", "dht_nodes"}
    own = {"hub_name", "max_sockets", "log_level", "strangers", "difficulty", "message_kib", "store_mib"}
    plugins = {"welcome", "welcome_where", "welcome_text", "remind", "poll", "hub_link"}
    assert set(OPTIONS) >= own | finding | {f"plugin_{name}" for name in plugins}
    for option in OPTIONS.values():
        assert option.title in text.replace("&#x27;", "'")
        assert all((option.explains, option.affects, option.span))
        assert option.read(str(option.default())) == option.default()


def test_the_name_is_shown_and_signed(operator: Client) -> None:
    change(operator, "hub_name", "  The   <b>Reading</b> Room ")
    assert HUB_NAME.value == "The <b>Reading</b> Room"
    assert json.loads(Client().get("/.well-known/accord").content)["name"] == "The <b>Reading</b> Room"
    assert "The &lt;b&gt;Reading&lt;/b&gt; Room" in page(Client(), "/")
    assert "<b>Reading" not in page(operator, "/console/")


def test_the_default_comes_back(operator: Client) -> None:
    change(operator, "max_sockets", "50")
    assert MAX_SOCKETS.value == 50
    operator.post("/console/settings/", {"name": "max_sockets", "reset": "1"})
    assert MAX_SOCKETS.value == 10_000
    assert not Setting.objects.exists()
    assert list(AuditEntry.objects.filter(action="setting").values_list("detail", flat=True)) == [
        "10000 -> 50",
        "50 -> 10000 (the default)",
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hub_name", ["", " ", "x" * 65, "a\0b", "a\u202eb"]),
        ("max_sockets", ["", "9", "50001", "-1", "1e3", "１０", "x"]),
        ("difficulty", ["15", "23"]),
        ("message_kib", ["0", "257"]),
        ("strangers", ["", "shut"]),
        ("log_level", ["debug", "CRITICAL"]),
    ],
)
def test_what_may_not_be_is_refused_with_a_sentence(operator: Client, name: str, values: list[str]) -> None:
    before = OPTIONS[name].value
    for value in values:
        assert "Not changed" in change(operator, name, value, 400)
    assert OPTIONS[name].value == before
    assert not Setting.objects.exists()


def test_an_unknown_setting_is_none(operator: Client) -> None:
    change(operator, "secret_key", "x", 404)
    with pytest.raises(AccordError):
        services.option_set(name="metrics_token_digest", text="x", now=NOW)


def test_strangers_can_be_shut_out(operator: Client, hub: Hub) -> None:
    bob = hub.member("bob")
    mail = envelope(person("stranger"), inbox(bob), "hello", type="mail.text")
    assert admitted(mail, Right.STRANGER)
    change(operator, "strangers", "friends")
    with pytest.raises(AccordError) as refusal:
        admitted(mail, Right.STRANGER)
    assert refusal.value.code == "denied"
    policy = json.loads(Client().get("/.well-known/accord").content)["policy"]
    assert policy["strangers"] == STRANGERS.value == "friends"
    assert admitted(envelope(bob, inbox(bob), "note"))


def test_the_price_of_strangers_mail(operator: Client, hub: Hub) -> None:
    change(operator, "difficulty", "20")
    assert DIFFICULTY.value == 20
    assert json.loads(Client().get("/.well-known/accord").content)["policy"]["difficulty"] == 20


def test_the_largest_message(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    large = envelope(ann, hub.lounge, "x" * 2_000)
    assert admitted(large)
    change(operator, "message_kib", "1")
    with pytest.raises(AccordError) as refusal:
        admitted(large)
    assert refusal.value.code == "too_big"
    assert admitted(envelope(ann, hub.lounge, "x" * 900))
    assert MESSAGE_KIB.value == 1
    assert json.loads(Client().get("/.well-known/accord").content)["limits"]["body_bytes"] == 1024
    assert admit is not None


def test_the_log_level(operator: Client) -> None:
    change(operator, "log_level", "error")
    assert logging.getLogger().level == logging.ERROR
    operator.post("/console/settings/", {"name": "log_level", "reset": "1"})
    assert logging.getLogger().level == logging.WARNING
    assert LOG_LEVEL.value == "warning"


def test_a_row_that_no_longer_may_be_is_passed_over(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    for name, value in (("max_sockets", "lots"), ("of_another_version", "x"), ("difficulty", "20")):
        Setting.objects.create(name=name, value=value, changed_at=now_ms())
    services.options_refresh()
    assert (MAX_SOCKETS.value, DIFFICULTY.value) == (10_000, 20)
    assert "max_sockets" in caplog.text
    assert "lots" not in caplog.text
