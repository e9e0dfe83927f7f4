import os
import stat
from dataclasses import replace

import pytest

from accord.keys import SigningKey
from accord_client import profile as profile_module
from accord_client.errors import NotJoined, ProfileError
from accord_client.profile import MAX_POSITIONS, Position, Profile, ProfileStore

HUB = SigningKey.generate().public


@pytest.fixture
def store(home):
    return ProfileStore("ada")


@pytest.fixture
def profile():
    seeds = SigningKey.generate().seed, SigningKey.generate().seed
    return Profile(*seeds, "ada", HUB, "https://hub.example", "wss://hub.example/ws/peer")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_comes_back_as_it_was_saved(store, profile):
    full = replace(
        profile,
        claim=bytes(32),
        joined=True,
        claim_sent=True,
        certificate={"v": 1},
        follows={HUB: "bob", bytes(32): ""},
        positions={"*": Position("store", 12, 34)},
    )
    store.save(full)
    assert ProfileStore("ada").load() == full


def test_folder_and_file_are_private_whatever_the_umask(store, profile, home):
    before = os.umask(0)
    try:
        store.save(profile)
    finally:
        os.umask(before)
    assert mode(home) == 0o700
    assert {mode(path) for path in home.iterdir()} == {0o600}


def test_the_file_is_private_from_its_first_byte(store, profile, monkeypatch):
    seen = []
    real = os.open

    def watched(path, flags, mode=0o777, **rest):
        descriptor = real(path, flags, mode, **rest)
        if flags & os.O_CREAT:
            seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            assert str(path).endswith(".lock") or flags & os.O_EXCL
        return descriptor

    monkeypatch.setattr(profile_module.os, "open", watched)
    store.save(profile)
    assert seen == [0o600, 0o600]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_reach_is_refused(store, profile, bits):
    store.save(profile)
    store.path.chmod(bits)
    with pytest.raises(ProfileError, match="chmod 600"):
        store.load()
    with pytest.raises(ProfileError, match="chmod 600"):
        store.update(lambda kept: kept)


def test_a_folder_that_others_can_write_is_refused(store, profile, home):
    store.save(profile)
    home.chmod(0o777)
    with pytest.raises(ProfileError, match="chmod 700"):
        store.save(profile)


def test_no_profile_says_how_to_begin(store):
    with pytest.raises(NotJoined, match="accord join LINK"):
        store.load()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 2}', '{"v": 1}'])
def test_a_damaged_file_is_one_sentence(store, profile, text):
    store.save(profile)
    store.path.write_text(text)
    with pytest.raises(ProfileError, match="is damaged"):
        store.load()


@pytest.mark.parametrize("fault", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_profile_whole(store, profile, home, monkeypatch, fault):
    store.save(profile)

    def fail(*_):
        raise OSError(28, "No space left on device")

    if fault == "fsync":
        monkeypatch.setattr(profile_module.os, "fsync", fail)
    else:
        monkeypatch.setattr(profile_module.Path, "replace", fail)
    with pytest.raises(ProfileError, match="No space left"):
        store.update(lambda kept: replace(kept, account_name="eve"))
    assert store.load() == profile
    assert sorted(path.name for path in home.iterdir()) == [".ada.lock", "ada.json"]


def test_update_keeps_what_another_program_wrote(store, profile):
    store.save(profile)
    ProfileStore("ada").update(lambda kept: replace(kept, follows={HUB: "bob"}))
    store.update(lambda kept: kept.with_position("*", Position("s", 1)))
    kept = store.load()
    assert kept.follows == {HUB: "bob"}
    assert kept.positions == {"*": Position("s", 1)}


def test_only_the_last_positions_are_kept(profile):
    for number in range(MAX_POSITIONS + 5):
        profile = profile.with_position(f"topic {number}", Position("s", number))
    assert len(profile.positions) == MAX_POSITIONS
    assert f"topic {MAX_POSITIONS + 4}" in profile.positions
    assert "topic 4" not in profile.positions


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "A", "x" * 65])
def test_a_name_never_leads_out_of_the_folder(home, name):
    with pytest.raises(ProfileError):
        ProfileStore(name)


def test_seeds_are_not_in_the_repr(profile):
    assert repr(profile.user_seed) not in repr(profile)
    assert repr(profile.device_seed) not in repr(profile)
