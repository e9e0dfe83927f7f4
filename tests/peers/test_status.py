"""What a hub states of its removals, and what it takes of such statements of others."""

from __future__ import annotations

import orjson
import pytest

from accord import hub_status
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.frames import MAX_FRAME_BYTES
from accord.hub_status import MAX_REMOVED_A_PAGE, STATUS_LIFE_MS, make_status, read_status
from accord.statements import make_statement
from peers.blessings import hub_seen, serve_frames, serve_take
from peers.keyring import keyring
from peers.models import Hub as HubRow
from peers.models import Tombstone
from peers.status import status_keep, status_statements, status_take
from peers.tombstones import bury, bury_each
from tests.factories import HOUR_MS, MINUTE_MS, NOW, Hub, person

OTHER = person("other hub")
ANN, BOB, CARL = (person(name).public for name in ("ann", "bob", "carl"))


@pytest.fixture
def other(hub: Hub) -> Hub:
    """Another hub is known here by what it has signed."""
    statement = make_statement(OTHER, type="set_admin", at=NOW, user=b64encode(person("their admin").public))
    hub_seen(admin=statement, name="Elsewhere", proved=True, now=NOW)
    return hub


def known() -> dict[bytes, int]:
    return dict(Tombstone.objects.filter(hub=OTHER.public).values_list("key", "at"))


def code_of(value: object, *, now: int = NOW) -> str:
    try:
        status_take(value, hub=OTHER.public, now=now)
    except AccordError as error:
        return error.code
    return "taken"


def test_each_burial_makes_a_new_statement_of_all(hub: Hub) -> None:
    assert status_statements() == []
    bury(BOB, at=NOW - 1, now=NOW)
    (one,) = status_statements()
    assert status_statements() == [one]
    bury_each({ANN: NOW, CARL: NOW - 7}, now=NOW)
    (two,) = status_statements()
    first, second = (read_status(value, hub=hub.key) for value in (one, two))
    assert first.removed == [(BOB, NOW - 1)]
    assert second.removed == sorted([(ANN, NOW), (BOB, NOW - 1), (CARL, NOW - 7)])
    assert (first.seq, second.seq, second.next_update) == (NOW, NOW + 1, NOW + STATUS_LIFE_MS)


def test_it_is_renewed_before_it_ends_and_numbers_follow_the_clock(hub: Hub) -> None:
    status_keep(now=NOW)
    (one,) = status_statements()
    assert "removed" not in one
    status_keep(now=NOW + HOUR_MS)
    assert status_statements() == [one]
    later = NOW + STATUS_LIFE_MS // 2
    status_keep(now=later)
    renewed = read_status(status_statements()[0], hub=hub.key)
    assert (renewed.at, renewed.seq) == (later, later)


def test_more_than_fits_comes_in_pages_which_are_taken_in_order(other: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_status, "MAX_REMOVED_A_PAGE", 2)
    removed = [(person(f"gone {number}").public, NOW + number) for number in range(5)]
    pages = make_status(OTHER, at=NOW, seq=5, removed=removed)
    assert [len(page["removed"]) for page in pages] == [2, 2, 1]
    assert [code_of(page) for page in (pages[1], pages[0], pages[2])] == ["bad_request", "taken", "bad_request"]
    assert HubRow.objects.get().status_seq == 0
    assert [code_of(page) for page in pages] == ["taken"] * 3
    assert known() == dict(removed)
    assert [code_of(page) for page in pages] == ["gone"] * 3
    assert HubRow.objects.get().status_seq == 5
    (short,) = make_status(OTHER, at=NOW, seq=6, removed=removed[:1])
    assert code_of(short) == "taken"
    assert known() == dict(removed[:1])


def test_pages_of_all_fit_a_frame_of_a_link(hub: Hub) -> None:
    keys = {number.to_bytes(32, "big"): NOW for number in range(1, MAX_REMOVED_A_PAGE + 2)}
    bury_each(keys, now=NOW)
    frames = serve_frames(OTHER.public, now=NOW)
    assert [len(frame["status"]["removed"]) for frame in frames] == [MAX_REMOVED_A_PAGE, 1]
    assert max(len(orjson.dumps(frame)) for frame in frames) < MAX_FRAME_BYTES // 2


def test_what_is_not_taken(other: Hub) -> None:
    def status(seq: int, at: int = NOW) -> dict[str, object]:
        return make_status(OTHER, at=at, seq=seq, removed=[(ANN, NOW)])[0]

    assert code_of({**status(3), "seq": 4}) == "bad_sig"
    assert code_of(make_status(person("a third hub"), at=NOW, seq=9, removed=[(ANN, NOW)])[0]) == "wrong_server"
    assert code_of(status(3, NOW + 6 * MINUTE_MS)) == "future"
    assert code_of("status") == "bad_request"
    assert known() == {}
    assert code_of(status(3)) == "taken"
    assert [code_of(status(seq)) for seq in (2, 3)] == ["gone", "gone"]
    own = keyring().hub
    with pytest.raises(AccordError, match="wrong_server"):
        status_take(make_status(own, at=NOW, seq=9, removed=[])[0], hub=own.public, now=NOW)


def test_of_a_hub_that_nothing_is_known_of_nothing_is_taken(hub: Hub) -> None:
    assert code_of(make_status(OTHER, at=NOW, seq=1, removed=[(ANN, NOW)])[0]) == "not_found"


def test_a_newer_statement_stands_for_the_ones_before(other: Hub) -> None:
    def take(seq: int, *removed: tuple[bytes, int]) -> None:
        assert code_of(make_status(OTHER, at=NOW, seq=seq, removed=removed)[0]) == "taken"

    take(1, (ANN, NOW), (BOB, NOW))
    Tombstone.objects.update(is_swept=True)
    take(2, (ANN, NOW - 5), (BOB, NOW), (CARL, NOW))
    assert known() == {ANN: NOW - 5, BOB: NOW, CARL: NOW}
    unswept = Tombstone.objects.filter(is_swept=False).values_list("key", flat=True)
    assert set(unswept) == {ANN, CARL}


def test_it_travels_with_serve(other: Hub) -> None:
    (status,) = make_status(OTHER, at=NOW, seq=1, removed=[(ANN, NOW)])
    serve_take({"certs": [], "status": {**status, "sig": status["sig"][::-1]}}, hub=OTHER.public, now=NOW)
    assert known() == {}
    serve_take({"certs": [], "status": status}, hub=OTHER.public, now=NOW)
    serve_take({"certs": [], "status": status}, hub=OTHER.public, now=NOW)
    assert known() == {ANN: NOW}
