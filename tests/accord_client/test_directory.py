import pytest

from accord.encoding import b64encode
from accord.keys import SigningKey
from accord.topics import Topic
from accord_client.directory import Directory
from accord_client.errors import ClientError

ME, ADA, BOB = (SigningKey.generate().public for _ in range(3))
LOUNGE, NEWS, SECRET = (Topic("chan", bytes([number]) * 32) for number in (1, 2, 3))


def row(topic, name=None, cursor=0, encrypted=False):
    value = {"topic": topic.name, "kind": topic.kind, "encrypted": encrypted, "cursor": cursor, "role": "member"}
    return {**value, "name": name} if name else value


@pytest.fixture
def directory():
    directory = Directory(ME)
    names = {ME: "me.too", ADA: "ada", BOB: "bob_1"}
    people = [row(Topic(kind, key), name) for key, name in names.items() for kind in ("feed", "user")]
    channels = [row(LOUNGE, "lounge", 9), row(NEWS, "News", 2), row(SECRET, "secret", 1, encrypted=True)]
    directory.replace([*people, *channels, {"topic": "nonsense"}, {}])
    return directory


def test_targets(directory):
    assert directory.topic(None) == LOUNGE
    assert directory.topic("#lounge") == directory.topic("lounge") == LOUNGE
    assert directory.topic("#news") == NEWS
    assert directory.topic("feed") == Topic("feed", ME)
    assert directory.topic("@ADA") == Topic("user", ADA)
    assert directory.topic(f"@{b64encode(BOB)}") == Topic("user", BOB)
    assert directory.topic("feed:@bob_1") == Topic("feed", BOB)
    assert directory.topic(SECRET.name) == SECRET


@pytest.mark.parametrize("target", ["@nobody", "#nothing", "", "user:short", "chan:"])
def test_unknown_targets_are_one_sentence(directory, target):
    with pytest.raises(ClientError):
        directory.topic(target)


def test_default_is_the_first_open_channel_where_none_is_called_lounge(directory):
    directory.remove(LOUNGE.name)
    assert directory.topic(None) == NEWS
    directory.remove(NEWS.name)
    with pytest.raises(ClientError, match="no open channel"):
        directory.topic(None)


def test_two_channels_of_one_name_are_not_guessed(directory):
    directory.put(row(Topic("chan", bytes(32)), "News"))
    with pytest.raises(ClientError, match="2 channels"):
        directory.topic("#News")


def test_mentions_are_rising_and_known(directory):
    assert directory.mentions("hi @Ada, and @bob_1. @nobody @ada! mail x@ada, see /@ada") == sorted([ADA, BOB])
    assert directory.mentions("no one") == []


def test_labels_are_targets_again(directory):
    for topic in (LOUNGE, Topic("user", ADA), Topic("feed", BOB), Topic("feed", ME)):
        assert directory.topic(directory.label(topic)) == topic
    stranger = bytes(range(32))
    assert directory.label(Topic("user", stranger)) == f"@{b64encode(stranger)[:8]}..."


def test_everything_leaves_out_inboxes_of_others(directory):
    names = directory.everything()
    assert names[:2] == [Topic("feed", ME).name, Topic("user", ME).name] or names[:2] == [
        Topic("user", ME).name,
        Topic("feed", ME).name,
    ]
    assert {LOUNGE.name, NEWS.name, Topic("feed", ADA).name} <= set(names)
    assert Topic("user", ADA).name not in names
