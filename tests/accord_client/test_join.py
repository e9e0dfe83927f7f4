from dataclasses import replace

import pytest

from accord.invites import new_link
from accord.keys import SigningKey
from accord_client.discovery import hub_document
from accord_client.errors import ClientError, HubUnreachable, ProfileError, Stopped
from accord_client.join import NameTaken, join
from accord_client.profile import ProfileStore


@pytest.fixture
def store(home):
    return ProfileStore()


def names(hub):
    return sorted(hub.accounts.values())


async def test_joins_and_says_its_display_name(hub, store):
    profile = await join(str(hub.invite()), "Ada", store)
    assert store.load() == profile
    assert (profile.joined, profile.account_name, profile.hub) == (True, "ada", hub.key.public)
    assert hub.accounts == {profile.user.public: "ada"}
    assert [message.type for _, message, _ in hub.log] == ["replace_account", "profile"]
    assert hub.log[1][1].body == b'{"display_name":"Ada"}'


async def test_a_taken_name_leaves_the_invite_good(hub, store):
    hub.accounts[SigningKey.generate().public] = "ada"
    link = str(hub.invite())
    with pytest.raises(NameTaken):
        await join(link, "ada", store)
    assert not store.load().joined
    assert (await join(link, "ada.l", store)).account_name == "ada.l"


async def test_a_cut_before_the_answer_is_finished_by_the_new_key(hub, store):
    hub.cut_publish = 1
    assert (await join(str(hub.invite()), "ada", store)).joined
    assert names(hub) == ["ada"]


async def test_the_same_command_again_finishes_what_a_crash_left(hub, store):
    link = str(hub.invite())
    first = await join(link, "ada", store)
    store.update(lambda profile: replace(profile, joined=False, account_name="other"))
    again = await join(link, "bob", store)
    assert again.user_seed == first.user_seed
    assert (again.joined, again.account_name) == (True, "ada")
    assert (await join(link, "bob", store)).account_name == "ada"
    assert names(hub) == ["ada"]


async def test_keys_are_on_the_disk_before_the_claim(hub, store, monkeypatch):
    seen = []
    real = hub._take

    async def take(session, envelope):
        seen.append(store.load())
        return await real(session, envelope)

    monkeypatch.setattr(hub, "_take", take)
    profile = await join(str(hub.invite()), "ada", store)
    assert seen[0].user_seed == profile.user_seed
    assert seen[0].claim_sent


async def test_a_link_works_once(hub, home):
    link = str(hub.invite())
    await join(link, "ada", ProfileStore("one"))
    with pytest.raises(ClientError, match="has been used or has expired"):
        await join(link, "bob", ProfileStore("two"))
    assert names(hub) == ["ada"]


async def test_an_account_is_never_overwritten(hub, store):
    profile = await join(str(hub.invite()), "ada", store)
    with pytest.raises(ProfileError, match="--profile"):
        await join(str(hub.invite()), "bob", store)
    assert store.load() == profile


async def test_a_new_link_finishes_with_the_keys_of_the_first_try(hub, store):
    with pytest.raises(ClientError, match="used or has expired"):
        await join(str(new_link(hub.url, hub.key.public)), "ada", store)
    seed = store.load().user_seed
    profile = await join(str(hub.invite()), "ada", store)
    assert profile.joined
    assert profile.user_seed == seed


@pytest.mark.parametrize("change", [lambda link: link[:-4], lambda link: link.replace("/join", "/"), lambda _: "hello"])
async def test_a_damaged_link_is_one_sentence(hub, store, change):
    with pytest.raises(ClientError, match="link"):
        await join(change(str(hub.invite())), "ada", store)
    assert not store.exists()


async def test_a_bad_name_is_one_sentence(hub, store):
    with pytest.raises(ClientError, match="3 to 32"):
        await join(str(hub.invite()), "a b", store)


async def test_another_hub_behind_the_address(hub, store):
    with pytest.raises(ClientError, match="not the one that the link names"):
        await join(str(new_link(hub.url, SigningKey.generate().public)), "ada", store)
    assert not store.exists()


async def test_nobody_there(hub, store):
    with pytest.raises(HubUnreachable, match="cannot be reached"):
        await join(str(new_link("http://127.0.0.1:1", hub.key.public)), "ada", store)


@pytest.mark.parametrize("answer", [b"", b"{}", b"<html>", b"[" * 70_000])
async def test_no_hub_there(hub, store, monkeypatch, answer):
    monkeypatch.setattr("accord_client.discovery._get", lambda _: answer)
    with pytest.raises(ClientError, match="does not answer as a hub"):
        await join(str(hub.invite()), "ada", store)


async def test_a_changed_key_behind_the_websocket_is_a_hard_stop(hub, store, monkeypatch):
    link = str(hub.invite())
    first = hub.key
    document = await hub_document(hub.url, first.public)
    hub.key = SigningKey.generate()

    async def known(*_):
        return document

    monkeypatch.setattr("accord_client.join.hub_document", known)
    with pytest.raises(Stopped, match="key has changed"):
        await join(link, "ada", store)
    assert store.load().hub == first.public
