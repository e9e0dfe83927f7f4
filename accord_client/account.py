"""A profile's account at its hub: whether it was joined, and a token for the REST API."""

from __future__ import annotations

from dataclasses import replace

from accord_client.errors import NotJoined
from accord_client.profile import Profile, ProfileStore
from accord_client.rest import BearerToken, http_login
from accord_client.session import fresh_certificate, is_good, now_ms


def load_joined(store: ProfileStore) -> Profile:
    """The profile of an account; NotJoined where there is none, or its join was not finished."""
    profile = store.load()
    if not profile.joined:
        raise NotJoined(
            f"the profile {store.name!r} has an unfinished join: run `accord join LINK` again with its link"
        )
    return profile


def bearer_token(store: ProfileStore) -> BearerToken:
    """A new token for this profile's account."""
    profile = load_joined(store)
    if not is_good(profile.certificate, profile, now_ms()):
        fresh = fresh_certificate(profile, now_ms())
        profile = store.update(lambda profile: replace(profile, certificate=fresh))
    assert profile.certificate is not None  # noqa: S101 - it is good
    return http_login(profile, profile.certificate)
