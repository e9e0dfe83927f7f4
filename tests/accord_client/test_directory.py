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


HUB, OTHER_HUB = (SigningKey.generate().public for _ in range(2))
GARDEN, FAR_NEWS = (Topic("chan", bytes([number]) * 32) for number in (4, 5))
ZOE, ZOE_TOO, YAN = (SigningKey.generate().public for _ in range(3))


@pytest.fixture
def linked(directory):
    """The same hub, linked with two others."""
    for topic, name, hub, hub_name in [
        (GARDEN, "garden", HUB, "Elsewhere"),
        (FAR_NEWS, "News", HUB, "Elsewhere"),
        (Topic("feed", ZOE), None, HUB, "Elsewhere"),
        (Topic("feed", ZOE_TOO), None, OTHER_HUB, "Far"),
        (Topic("feed", YAN), None, OTHER_HUB, None),
    ]:
        directory.put({**row(topic, name), "hub": b64encode(hub), **({"hub_name": hub_name} if hub_name else {})})
    return directory


def test_channels_of_other_hubs_are_named_with_their_hub_where_need_be(linked):
    assert linked.topic("#garden") == linked.topic("garden · elsewhere") == GARDEN
    assert linked.topic("#news") == NEWS  # one's own hub comes first
    assert linked.topic("#News · Elsewhere") == FAR_NEWS
    assert linked.label(GARDEN) == "#garden · Elsewhere"
    assert linked.topic(None) == LOUNGE
    assert not {GARDEN.name, FAR_NEWS.name} & set(linked.everything())  # to listen to one is to have it carried


def test_people_of_other_hubs_are_called_so_with_their_hub(linked):
    assert sorted(linked.foreign()) == sorted([ZOE, ZOE_TOO, YAN])
    assert linked.name_of(ZOE) == b64encode(ZOE)[:8] + "..."
    with pytest.raises(ClientError, match="nobody"):
        linked.person("@Zoe")
    assert linked.wants_profile(ZOE)
    linked.learn(ZOE, "Zoe")
    assert not linked.wants_profile(ZOE)
    assert linked.name_of(ZOE) == "Zoe · Elsewhere"
    assert linked.topic("@zoe") == linked.topic("@Zoe · Elsewhere") == Topic("user", ZOE)
    linked.learn(ZOE_TOO, "zoe")
    with pytest.raises(ClientError, match=b64encode(ZOE)):
        linked.person("@zoe")
    assert linked.person("@zoe · far") == ZOE_TOO
    assert linked.person(f"@{b64encode(YAN)}") == YAN


def test_nobody_of_another_hub_passes_for_somebody_here(linked):
    linked.learn(ZOE, "ada")
    assert linked.person("@ada") == ADA
    assert linked.name_of(ZOE) != linked.name_of(ADA) == "ada"
    assert linked.mentions("@ada") == [ADA]
    assert linked.find_name(ZOE) is None
    assert not linked.wants_profile(ADA)
