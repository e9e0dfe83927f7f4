"""People whose account has another key now: what is proved of it, and what follows once that was looked at (protocol.md
section 8, `former`). Not here: comparing keys (keys.py).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from accord.former import CHAIN, HUB, KEY, RECOVERY, FormerKey
from accord_client.directory import Directory
from accord_client.profile import Profile
from accord_client.terminal import clean_line


def unseen_changes(profile: Profile, directory: Directory, key: bytes) -> tuple[FormerKey, ...]:
    """The changes, the newest first, that have led to somebody's key from one that was compared or followed here; none
    where there was no such, or this key was compared.
    """
    if key in profile.verified:
        return ()
    changes = directory.changes(key, hub=profile.hub)
    met = [place for place, change in enumerate(changes) if change.key in profile.verified | set(profile.follows)]
    return changes[: met[0] + 1] if met else ()


def sentence(change: FormerKey, directory: Directory) -> str:
    """What is proved of a change, and by whom."""
    day = f"{datetime.fromtimestamp(change.signed_at / 1000, tz=UTC):%Y-%m-%d}"
    if change.way == KEY:
        return f"the old key itself signed for the new one on {day}"
    if change.way == RECOVERY:
        return f"it was signed with the recovery code that the old key had named on {day}"
    if change.way == CHAIN:
        names = ", ".join(clean_line(directory.name_of(key)) for key in change.by)
        return f"vouched for by {names}, the last on {day}"
    if change.way == HUB:
        return f"this hub signed on {day} that its admin has the new key: whoever runs it decides that"
    return "ONLY THIS HUB SAYS SO: nobody has signed for it"


def followed_on(profile: Profile, directory: Directory, key: bytes) -> Profile:
    """The profile once somebody's new key was compared: they are followed under it."""
    former = set(directory.former_keys(key))
    if former.isdisjoint(profile.follows):
        return profile
    follows: dict[bytes, str] = {}
    for each, name in profile.follows.items():
        follows.setdefault(key if each in former else each, name)
    return replace(profile, follows=follows)
