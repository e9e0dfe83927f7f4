import json

import orjson
import pytest

from accord.encoding import b64encode
from accord.keys import SigningKey
from accord.messages import create, parse_envelope, verify
from accord.topics import Topic
from accord_client.directory import Directory
from accord_client.errors import ClientError
from accord_client.events import Deliver
from accord_client.history import Before, apply_changes
from accord_client.render import Renderer, as_json, may_show

NOW = 1_800_000_000_000
LOUNGE = Topic("chan", bytes(32))
ADA, BOB, EVE = (SigningKey.generate() for _ in range(3))


def made(author, type, body, *, at=NOW, to=LOUNGE.name, **fields):
    envelope = create(author, type=type, to=to, body=orjson.dumps(body), created_at=at, **fields)
    return verify(parse_envelope(envelope))


def ref(rel, message):
    return {"refs": [{"rel": rel, "id": b64encode(message.id)}]}


@pytest.fixture
def directory():
    directory = Directory(ADA.public)
    directory.replace(
        [{"topic": Topic("feed", key.public).name, "name": name} for key, name in ((ADA, "ada"), (BOB, "bob"))]
        + [{"topic": LOUNGE.name, "name": "lounge"}]
    )
    return directory


@pytest.fixture
def line(directory):
    renderer = Renderer(directory)
    return lambda message: renderer.line(message, NOW).split(" ", 1)[1]


def test_words(line):
    first = made(ADA, "chat.text", {"text": "the first\nof two"})
    assert line(first) == "#lounge ada: the first\n    of two"
    answer = made(BOB, "chat.text", {"text": "yes"}, attention_messages=[b64encode(first.id)])
    assert line(answer) == '#lounge bob: [to ada: "the first of two"] yes'
    assert line(made(BOB, "chat.react", {"emoji": "+1"}, **ref("react", first))) == (
        '#lounge bob reacted +1 to ada: "the first of two"'
    )
    assert line(made(BOB, "chat.react", {"emoji": "+1", "off": True}, **ref("react", first))).startswith(
        "#lounge bob took back +1 from ada"
    )
    assert line(made(ADA, "chat.edit", {"text": "only one"}, **ref("edit", first))) == (
        '#lounge ada edited ada: "the first of two" to: only one'
    )
    assert line(made(ADA, "chat.pin", {}, **ref("pin", first))) == '#lounge ada pinned ada: "only one"'
    assert line(made(ADA, "chat.delete", {}, **ref("delete", first))) == "#lounge ada deleted a message of ada"
    assert line(made(BOB, "chat.pin", {"off": True}, **ref("pin", first))) == "#lounge bob unpinned an earlier message"
    assert line(made(BOB, "profile", {"display_name": "Bob\x1b[2J"}, to="feed")) == (
        "feed:@bob bob is now shown as Bob"
    )
    assert line(made(BOB, "x.unknown", {"any": 1})) == "#lounge bob: [x.unknown]"
    assert line(made(BOB, "chat.text", {"no": "text"})) == "#lounge bob: [chat.text]"


def test_imported_messages_name_author_and_importer(line):
    body = {"text": "hi", "author": "grace\x07", "source": "log"}
    assert line(made(BOB, "import.text", body)) == "#lounge grace (by bob): hi"


def test_nothing_of_others_reaches_a_terminal_unclean(line, directory):
    directory.put({"topic": Topic("chan", bytes(31) + b"1").name, "name": "x\x1b[1m\ny"})
    bad = "\x1b]0;t\x07\u202e\n12:00 #lounge ada: forged"
    for message in (
        made(EVE, "chat.text", {"text": bad}, to=Topic("chan", bytes(31) + b"1").name),
        made(EVE, "mail.text", {"subject": bad, "text": bad}, to=Topic("user", ADA.public).name),
        made(EVE, "import.text", {"text": bad, "author": bad, "source": bad}),
    ):
        said = line(message)
        assert not set(said) & set("\x1b\x07\u202e")
        assert all(part.startswith("    ") for part in said.split("\n")[1:])


def test_burned_and_critical_messages_are_not_shown():
    assert may_show(made(ADA, "chat.text", {"text": "x"}, burn_at=NOW + 1), NOW)
    assert not may_show(made(ADA, "chat.text", {"text": "x"}, burn_at=NOW + 1), NOW + 1)
    assert not may_show(made(ADA, "chat.text", {"text": "x"}, crit=["newer"], newer=1), NOW)
    assert may_show(made(ADA, "chat.text", {"text": "x"}, crit=["tz"], tz=60), NOW)


def test_history_applies_edits_and_deletes():
    first, second, third = (made(ADA, "chat.text", {"text": str(number)}, at=NOW + number) for number in range(3))
    events = [
        first,
        second,
        third,
        made(ADA, "chat.edit", {"text": "older"}, at=NOW + 5, **ref("edit", first)),
        made(ADA, "chat.edit", {"text": "newer"}, at=NOW + 6, **ref("edit", first)),
        made(BOB, "chat.edit", {"text": "forged"}, at=NOW + 7, **ref("edit", first)),
        made(BOB, "chat.delete", {}, at=NOW + 7, **ref("delete", second)),
        made(ADA, "chat.delete", {}, at=NOW + 7, **ref("delete", third)),
    ]
    shown = apply_changes([Deliver(number, message) for number, message in enumerate(reversed(events))], NOW + 10)
    assert [item.text for item in shown] == ["newer", "1", "[deleted]"]


def test_json_has_ids_and_the_body_as_written(directory):
    message = made(BOB, "chat.text", {"text": "\x1b[1m"})
    value = json.loads(as_json(Deliver(7, message), directory))
    assert value["cursor"] == 7
    assert value["name"] == "bob"
    assert value["id"] == b64encode(message.id)
    assert value["body"] == {"text": "\x1b[1m"}
    assert value["header"] == message.header


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01", ""])
def test_before_is_a_time_or_an_id(text):
    with pytest.raises(ClientError):
        Before.read(text)


def test_before_reads_both():
    assert Before.read("2027-01-15T08:00:00Z").at == NOW
    assert Before.read(b64encode(bytes(32))).message
