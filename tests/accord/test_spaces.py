"""Spaces under admins who act at once: hubs that hold the same come to the same, and whoever was put out stays out.

Single rules are in tests/vectors, section spaces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from accord.space_invites import invite_key, make_join_proof
from accord.spaces import ADMIN, MAX_WALKS, MEMBER, Deed, SpaceView, channel_id, linear, space_id
from tests.accord.support import HUB, OTHER, USER

NONCE = bytes(16)
SPACE = space_id(USER.public, NONCE)
PEOPLE = [USER, OTHER, HUB, *(invite_key(bytes([number]) * 32) for number in range(4))]  # any keys will do
KEYS = [person.public for person in PEOPLE]
INVITES = [invite_key(bytes([100 + number]) * 32) for number in range(2)]
HUBS = 3

ROOT = Deed(bytes(32), KEYS[0], "space.create", (), 0, {"nonce": NONCE, "name": "Garden"})

people = st.integers(0, len(KEYS) - 1)
# Of three hubs: who says what where, or what one of them takes over from another.
acts = st.one_of(
    st.tuples(st.just("member"), st.integers(0, HUBS - 1), people, people, st.sampled_from([ADMIN, MEMBER, "none"])),
    st.tuples(st.just("join"), st.integers(0, HUBS - 1), people, st.integers(0, 1), st.just("")),
    st.tuples(st.just("invite"), st.integers(0, HUBS - 1), people, st.integers(0, 1), st.just("")),
    st.tuples(st.just("leave"), st.integers(0, HUBS - 1), people, st.just(0), st.just("")),
    st.tuples(st.just("channel"), st.integers(0, HUBS - 1), people, st.integers(0, 2), st.just("")),
    st.tuples(st.just("take"), st.integers(0, HUBS - 1), st.integers(0, HUBS - 1), st.just(0), st.just("")),
)


def _body(kind: str, who: int, what: int, role: str) -> dict[str, object]:
    match kind:
        case "member":
            return {"user": KEYS[what], "role": role}
        case "join":
            key = INVITES[what]
            return {"pubkey": key.public, "proof": make_join_proof(key, space=SPACE, user=KEYS[who])}
        case "invite":
            return {"pubkey": INVITES[what].public, "expires": 10_000, "uses": 2, "role": MEMBER}
        case "channel":
            nonce = bytes([what]) * 16
            return {"channel": channel_id(KEYS[who], nonce, SPACE), "nonce": nonce, "name": f"channel {what}"}
        case _:
            return {}


def _deed(number: int, who: int, kind: str, prev: Sequence[bytes], body: dict[str, object]) -> Deed:
    ident = hashlib.sha256(b"%d" % number).digest()
    return Deed(ident, KEYS[who], f"space.{kind}", tuple(sorted(prev)), number, body)


def _play(script: list[tuple[str, int, int, int, str]]) -> list[list[Deed]]:
    """What each of the hubs holds after a script; nothing is refused: what has no right to be there is judged."""
    hubs: list[dict[bytes, Deed]] = [{ROOT.id: ROOT} for _ in range(HUBS)]
    for number, (kind, hub, who, what, role) in enumerate(script, 1):
        if kind == "take":
            hubs[hub] |= hubs[who]
        else:
            heads = SpaceView.of_deeds(SPACE, hubs[hub].values()).heads
            deed = _deed(number, who, kind, heads, _body(kind, who, what, role))
            hubs[hub][deed.id] = deed
    return [list(held.values()) for held in hubs]


def _facts(view: SpaceView) -> tuple[object, ...]:
    return view.order, view.effect, view.members, view.admins, view.channels, view.invites, view.stays


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, max_size=40), st.randoms(use_true_random=False))
def test_hubs_that_hold_the_same_come_to_the_same(script, random):
    together = list({deed.id: deed for held in _play(script) for deed in held}.values())
    view = SpaceView.of_deeds(SPACE, together)
    random.shuffle(together)
    assert _facts(SpaceView.of_deeds(SPACE, together)) == _facts(view)
    assert set(view.order) == {deed.id for deed in together}
    assert not view.waiting
    places = {ident: place for place, ident in enumerate(view.order)}
    assert all(places[before] < places[deed.id] for deed in together for before in deed.prev)
    assert view.admins
    assert set(view.admins) == {key for key, role in view.members.items() if role == ADMIN}


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, max_size=40))
def test_a_view_that_is_added_to_is_the_one_that_is_worked_out(script):
    held, view, added = [], SpaceView(SPACE), 0
    for deed in {deed.id: deed for each in _play(script) for deed in each}.values():
        held.append(deed)
        further, whole = view.extended(deed), SpaceView.of_deeds(SPACE, held)
        if further is not None:
            added += 1
            assert (*_facts(further), further.heads) == (*_facts(whole), whole.heads)
        view = further or whole
    assert added > 0 or len({act[1] for act in script if act[0] != "take"}) != 1


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, max_size=30), st.lists(st.tuples(people, acts), min_size=1, max_size=12), st.data())
def test_an_admin_who_was_put_out_changes_nothing_from_before(script, forged, data):
    """With all the old deeds at hand, under any ids, alone or with those whom they make members in the fork."""
    held = _play([("member", 0, 0, 1, ADMIN), ("member", 0, 0, 2, ADMIN), *script])[0]
    view = SpaceView.of_deeds(SPACE, held)
    if len(view.admins) < 2 or view.admins[0] != KEYS[0] or len(view.stays[KEYS[0]]) > 1:
        return  # whose word is above all others' is the founder who has never left
    out = KEYS.index(view.admins[-1])
    taking = Deed(
        b"\xff" * 32, view.admins[0], "space.member", tuple(view.heads), 900, {"user": KEYS[out], "role": "none"}
    )
    held.append(taking)
    after = SpaceView.of_deeds(SPACE, held)
    assert KEYS[out] not in after.members
    fork = [deed.id for deed in held if deed is not taking]
    extra: list[Deed] = []
    for number, (friend, (kind, _, _, what, role)) in enumerate(forged):
        if kind == "take":
            continue
        outsider = friend if KEYS[friend] not in after.stays else out
        if kind == "join" and outsider != out:
            continue  # a link that still stands lets strangers in, whatever the fork
        prev = {fork[data.draw(st.integers(0, len(fork) - 1))]}
        ident = data.draw(st.binary(min_size=32, max_size=32).filter(lambda ident: ident not in fork))
        deed = Deed(ident, KEYS[outsider], f"space.{kind}", tuple(prev), number, _body(kind, outsider, what, role))
        extra.append(deed)
        fork.append(ident)
    later = SpaceView.of_deeds(SPACE, [*held, *extra])
    assert KEYS[out] not in later.members
    assert later.members == after.members
    assert later.channels == after.channels
    assert later.effect == after.effect


def test_a_quarrel_deeper_than_the_walks_leaves_those_above_as_they_are():
    chain = [ROOT]
    admins = MAX_WALKS + 4
    keys = [invite_key(bytes([number, 7]) * 16).public for number in range(admins)]
    for number, key in enumerate(keys):
        body = {"user": key, "role": ADMIN}
        chain.append(Deed(b"%032d" % number, KEYS[0], "space.member", (chain[-1].id,), number, body))
    base = chain[-1].id
    for number, (by, of) in enumerate(pairwise(keys)):
        body = {"user": of, "role": "none"}
        chain.append(Deed(b"%032d" % (500 - number), by, "space.member", (base,), 100, body))
    chain.append(Deed(b"\xff" * 32, KEYS[0], "space.member", (base,), 100, {"user": keys[0], "role": "none"}))
    view = SpaceView.of_deeds(SPACE, chain)
    assert view.admins[0] == KEYS[0]
    assert keys[0] not in view.members
    assert view.order == SpaceView.of_deeds(SPACE, chain[::-1]).order


def test_what_one_may():
    view = SpaceView.of_deeds(SPACE, [])
    assert not any(view.may(KEYS[0], deed) for deed in ("channel", "invite", "epoch", "leave", "read"))
    grants = [
        Deed(
            bytes([number]) * 32, KEYS[0], "space.member", (bytes([number - 1]) * 32,), 10, {"user": key, "role": role}
        )
        for number, (key, role) in enumerate([(KEYS[1], ADMIN), (KEYS[2], MEMBER)], 1)
    ]
    open_, closed, inner = (channel_id(KEYS[0], bytes([n]) * 16, SPACE) for n in range(3))
    more = [{}, {"closed": True}, {"private": True}]
    channels = [
        Deed(
            bytes([number + 3]) * 32,
            KEYS[0],
            "space.channel",
            (bytes([number + 2]) * 32,),
            10,
            {"channel": ident, "nonce": bytes([number]) * 16, "name": "x", **fields},
        )
        for number, (ident, fields) in enumerate(zip((open_, closed, inner), more, strict=True))
    ]
    view = SpaceView.of_deeds(SPACE, [ROOT, *grants, *channels])
    admin, member, stranger = KEYS[1], KEYS[2], KEYS[3]
    assert (view.may(admin, "epoch"), view.may(member, "epoch")) == (True, False)
    assert [view.may(member, "read", ident) for ident in (open_, closed, inner)] == [True, True, False]
    assert [view.may(member, "write", ident) for ident in (open_, closed, inner)] == [True, False, False]
    assert [view.may(admin, "write", ident) for ident in (open_, closed, inner)] == [True, False, True]
    assert not any(view.may(stranger, "read", ident) for ident in (None, open_, closed, inner, bytes(32)))
    assert (view.may(admin, "member", member), view.may(admin, "member", KEYS[0])) == (True, False)
    assert (view.may(member, "leave"), view.may(stranger, "leave")) == (True, False)
    assert view.members_of(inner) == {KEYS[0], admin}
    assert view.members_of(bytes(32)) == set()


def test_who_was_a_member_when():
    grant = Deed(b"\x01" * 32, KEYS[0], "space.member", (ROOT.id,), 10**6, {"user": KEYS[1], "role": ADMIN})
    down = Deed(b"\x02" * 32, KEYS[0], "space.member", (grant.id,), 2 * 10**6, {"user": KEYS[1], "role": MEMBER})
    out = Deed(b"\x03" * 32, KEYS[0], "space.member", (down.id,), 3 * 10**6, {"user": KEYS[1], "role": "none"})
    view = SpaceView.of_deeds(SPACE, [ROOT, grant, down, out])
    times = (880_000, 879_999, 3_120_000, 3_120_001)
    assert [view.was(KEYS[1], at) for at in times] == [True, False, True, False]
    assert [view.was(KEYS[1], at, ADMIN) for at in (880_000, 2_120_000, 2_120_001)] == [True, True, False]
    assert not view.was(KEYS[2], 10**6)


def test_linear_of_nothing():
    assert linear(SPACE, []) == []
