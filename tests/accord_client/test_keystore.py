"""Keys on the disk: their files, and that they are gone on time; texts for the search, sealed and burned."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.epochs import first_window_key, message_kid, window_key_at
from accord.errors import RemoteError
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.messages import create, parse_envelope, verify
from accord.topics import Topic
from accord_client.database import open_database
from accord_client.errors import ProfileError
from accord_client.keystore import BURNING_SLACK_MS, KEEP_BOXKEY_MS, EpochKey, Keystore
from accord_client.places import Places
from accord_client.profile import ProfileStore
from accord_client.texts import Texts

MINUTE_MS = 60_000
NOW = 1_000 * MINUTE_MS
CHAN = Topic("chan", bytes(32)).name


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore("default", tmp_path / "home")


def epoch(win: int, window_ms: int = MINUTE_MS) -> EpochKey:
    return EpochKey(CHAN, b"i" * 32, 1, win, window_ms, first_window_key(b"s" * 32, win))


def test_files_are_their_owners(store: ProfileStore) -> None:
    with Keystore(store) as keys, Texts(store, keys.secret("texts")), Places(store, "s", newest=3):
        pass
    files = list(store.home.glob("*.sqlite3"))
    assert len(files) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    files[0].chmod(0o640)
    with pytest.raises(ProfileError, match="chmod 600"):
        open_database(files[0], "", is_durable=False)


def test_old_box_keys_are_gone_from_the_file(store: ProfileStore) -> None:
    old, new = BoxKey.generate(), BoxKey.generate()
    with Keystore(store) as keys:
        keys.add_boxkey(old, NOW)
        keys.add_boxkey(new, NOW + KEEP_BOXKEY_MS)
        keys.forget_old(NOW + KEEP_BOXKEY_MS + 1)
        assert [key.private for key, _ in keys.boxkeys()] == [new.private]
    assert all(old.private not in path.read_bytes() for path in store.home.iterdir())


def test_windows_are_forgotten_when_all_in_them_has_burned(store: ProfileStore) -> None:
    with Keystore(store) as keys:

        @settings(max_examples=40, deadline=None)
        @given(start=st.integers(0, 900), burn=st.integers(1, 600), later=st.integers(0, 2_000))
        def check(start: int, burn: int, later: int) -> None:
            first, now = epoch(start), (start + later) * MINUTE_MS
            keys.forget_topic(CHAN)
            keys.put_epoch(first)
            keys.forget_windows(CHAN, now=now, burn_ms=burn * MINUTE_MS)
            (held,) = keys.epochs(CHAN, 1)
            alive = (now - burn * MINUTE_MS) // MINUTE_MS  # in this window something may still be read
            if alive >= start:
                wanted = window_key_at(first.key, start, alive)
                assert message_kid(held.window_key(alive)) == message_kid(wanted)
            gone = (now - burn * MINUTE_MS - BURNING_SLACK_MS) // MINUTE_MS - 2
            if gone >= start:
                with pytest.raises(RemoteError):
                    held.window_key(gone)
            keys.put_epoch(EpochKey(CHAN, b"i" * 32, 1, held.win + 5, MINUTE_MS, bytes(32)))
            assert keys.epochs(CHAN, 1) == [held]  # what is known is not put off

        check()


def test_texts_are_sealed_edited_deleted_and_burned(store: ProfileStore) -> None:
    ann, eve = SigningKey.generate(), SigningKey.generate()

    def say(author: SigningKey, type: str, body: bytes, at: int, **fields: object):
        return verify(parse_envelope(create(author, type=type, to=CHAN, body=body, created_at=at, **fields)))

    def refs(rel: str, message) -> list[dict[str, str]]:
        return [{"rel": rel, "id": b64encode(message.id)}]

    stays = say(ann, "chat.text", b'{"text": "The planted word"}', NOW)
    burns = say(ann, "chat.text", b'{"text": "a burning word"}', NOW + 1, burn_at=NOW + 100)
    with Keystore(store) as keys, Texts(store, keys.secret("texts")) as texts:
        texts.take(stays)
        texts.take(burns)
        assert [found.text for found in texts.search("WORD", now=NOW)] == ["a burning word", "The planted word"]
        assert [found.text for found in texts.search("word", now=NOW + 100)] == ["The planted word"]
        texts.take(say(eve, "chat.edit", b'{"text": "forged word"}', NOW + 3, refs=refs("edit", stays)))
        texts.take(say(ann, "chat.edit", b'{"text": "newer word"}', NOW + 3, refs=refs("edit", stays)))
        texts.take(say(ann, "chat.edit", b'{"text": "older word"}', NOW + 2, refs=refs("edit", stays)))
        assert [found.text for found in texts.search("word", now=NOW + 100)] == ["newer word"]
        texts.take(say(ann, "chat.delete", b"{}", NOW + 4, refs=refs("delete", stays)))
        texts.take(stays)  # once more, from an older page
        assert list(texts.search("", now=NOW)) == []
    assert all(b"word" not in path.read_bytes() for path in store.home.iterdir())
