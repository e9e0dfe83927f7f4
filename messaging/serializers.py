"""What the rooms of the REST API that are about messages take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.fields import MAX_TIME_MS
from accord.merkle import HORIZON_MS
from messaging.publishing import MAX_PUBLISH_MESSAGES
from messaging.selectors import MAX_FETCH_MESSAGES
from peers.schema import Key, Time, Whole, page_of
from peers.serializers import SignedEnvelope
from peers.viewsets import DEFAULT_PAGE_ITEMS, MAX_CURSOR_CHARS

RELATIONS = ("edit", "delete", "react", "pin")


class EnvelopeSerializer(serializers.Serializer[Any]):
    """A message as its author signed it (section 1 of the protocol). Of a deleted one salt and body are gone."""

    header = serializers.DictField()
    sig = serializers.CharField()
    salt = serializers.CharField(required=False)
    body = serializers.CharField(required=False)


class MessageSerializer(serializers.Serializer[Any]):
    """A message that is held. `id` follows from the header, `uuid` from the id; `cursor` is its arrival number."""

    id = Key()
    uuid = serializers.UUIDField()
    cursor = serializers.IntegerField(min_value=1)
    message = EnvelopeSerializer()


class MessagesQuery(serializers.Serializer[Any]):
    """Which messages, and from where on."""

    topic = serializers.CharField(required=False, max_length=MAX_CURSOR_CHARS)
    mentions = serializers.ChoiceField(required=False, choices=["me"])
    before = serializers.CharField(required=False, max_length=MAX_CURSOR_CHARS)
    after = serializers.CharField(required=False, max_length=MAX_CURSOR_CHARS)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_FETCH_MESSAGES, default=DEFAULT_PAGE_ITEMS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One list, one direction."""
        if ("topic" in attrs) == ("mentions" in attrs):
            raise serializers.ValidationError("topic or mentions=me, one of them")
        if "before" in attrs and "after" in attrs:
            raise serializers.ValidationError("before or after, not both")
        return attrs


class RootsQuery(serializers.Serializer[Any]):
    """From when on (ms) roots are asked for: a multiple of 2^24, 0 for all that is held."""

    horizon = serializers.IntegerField(min_value=0, max_value=MAX_TIME_MS, default=0)

    def validate_horizon(self, value: int) -> int:
        """As horizons of topics are."""
        if value % HORIZON_MS:
            raise serializers.ValidationError(f"a multiple of {HORIZON_MS} expected")
        return value


class ReferencesQuery(serializers.Serializer[Any]):
    """Which references."""

    relation = serializers.ChoiceField(required=False, choices=RELATIONS)


class ProofSerializer(serializers.Serializer[Any]):
    """What lets a stranger's message in: the work done for it, a ticket, or a voucher of a member."""

    id = Key()
    challenge = serializers.DictField(required=False)
    counter = Whole(min_value=0, required=False)
    ticket = serializers.DictField(required=False)
    voucher = serializers.DictField(required=False)


class PublishSerializer(serializers.Serializer[Any]):
    """Signed messages; strangers add their work."""

    messages = serializers.ListField(child=SignedEnvelope(), min_length=1, max_length=MAX_PUBLISH_MESSAGES)
    pow = serializers.ListField(child=ProofSerializer(), max_length=MAX_PUBLISH_MESSAGES, required=False)


class ResultSerializer(serializers.Serializer[Any]):
    """What became of a message; no id where none can be computed."""

    status = serializers.ChoiceField(choices=["stored", "duplicate", "rejected"])
    id = Key(required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    retry_ms = serializers.IntegerField(required=False)
    tries = serializers.IntegerField(required=False, help_text="of a claim: how often a wrong code may still come")


class PublishedSerializer(serializers.Serializer[Any]):
    """A result for each message, in the order sent."""

    results = ResultSerializer(many=True)


class FormerSerializer(serializers.Serializer[Any]):
    """A key that the account had before, and what was signed for the change (section 8 of the protocol)."""

    key = Key()
    at = Time()
    way = serializers.ChoiceField(choices=["key", "recovery", "chain", "hub"])
    signed = EnvelopeSerializer(many=True, required=False)
    statement = serializers.DictField(required=False, help_text="of the admin's account: the hub's `set_admin`")


class TopicSerializer(serializers.Serializer[Any]):
    """Where messages are addressed. A channel of another hub has that hub's key and name, and its `set_admin` statement
    (section 3 of the protocol); the feed of somebody without an account here the hub that serves them, if it is known.
    """

    topic = serializers.CharField()
    kind = serializers.ChoiceField(choices=["feed", "user", "chan", "hub", "space"])
    name = serializers.CharField(allow_null=True)
    about = serializers.CharField(allow_null=True)
    encrypted = serializers.BooleanField()
    count = serializers.IntegerField(min_value=0)
    horizon = serializers.IntegerField(min_value=0)
    cursor = serializers.IntegerField(min_value=0)
    role = serializers.ChoiceField(choices=["member", "admin"])
    hub = Key(allow_null=True)
    hub_name = serializers.CharField(allow_null=True)
    admin = serializers.DictField(allow_null=True)
    former = FormerSerializer(many=True, allow_null=True, help_text="of a person: keys the account had, newest first")
    space = Key(required=False, help_text="of a channel: the id of its space")
    voice = serializers.BooleanField(required=False, help_text="of a channel of a space")
    burn_ms = serializers.IntegerField(required=False, min_value=0, help_text="how long its messages live at most")
    admins_only = serializers.BooleanField(required=False, help_text="whether its members are the space's admins")
    closed = serializers.BooleanField(required=False, help_text="whether nothing more is written there")

    def get_fields(self) -> dict[str, Any]:
        """Of a connection also `with`, which is no name in Python."""
        pair = serializers.ListField(child=Key(), required=False, help_text="of a connection: its two users")
        return {**super().get_fields(), "with": pair}


class SpaceInviteSerializer(serializers.Serializer[Any]):
    """What somebody with a link into a space sees of it; `hub`: the linked hub that tells it."""

    name = serializers.CharField()
    about = serializers.CharField()
    members = serializers.IntegerField(min_value=0)
    expires = Time()
    uses_left = serializers.IntegerField(min_value=0)
    heads = serializers.ListField(child=Key())
    hub = Key(required=False)


class PrunedSerializer(serializers.Serializer[Any]):
    """A receipt: the hub's signed statement that what was older than `to` left a topic (sections 3 and 5)."""

    v = serializers.IntegerField()
    type = serializers.ChoiceField(choices=["pruned"])
    hub = Key()
    at = Time()
    topic = serializers.CharField()
    to = Time()
    count = serializers.IntegerField(min_value=0)
    root_before = Key()
    root_after = Key()
    as_of = Time()
    cursor = serializers.IntegerField(min_value=0)
    sig = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """Those above and `from`, which is no name in Python."""
        return {**super().get_fields(), "from": Time()}


class RootSerializer(serializers.Serializer[Any]):
    """The root of a topic's tree (section 5 of the protocol), as the hub signs it (section 3, statements): over `count`
    messages made at or after `horizon`, as of `as_of`, up to the arrival number `cursor`. All zeros for an empty tree.
    """

    v = serializers.IntegerField(min_value=1, max_value=1)
    type = serializers.ChoiceField(choices=["root"])
    hub = Key()
    at = Time()
    topic = serializers.CharField()
    root = Key()  # type: ignore[assignment]  # DRF takes declared fields away from the class
    count = serializers.IntegerField(min_value=0)
    horizon = Time()
    as_of = Time()
    cursor = serializers.IntegerField(min_value=0)
    sig = serializers.CharField()


class RootsSerializer(serializers.Serializer[Any]):
    """Statements of several hubs about one topic."""

    items = RootSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    """A step of a proof: the first has `ids`, the others have `mask` and `hashes`."""

    ids = serializers.CharField(required=False, allow_blank=True)
    mask = serializers.IntegerField(required=False, min_value=0, max_value=0xFFFF)
    hashes = serializers.CharField(required=False, allow_blank=True)


class InclusionSerializer(serializers.Serializer[Any]):
    """That a topic's tree holds a message: nine steps from its leaf up to the root that the hub signs."""

    id = Key()
    created_at = Time()
    steps = StepSerializer(many=True)
    statement = RootSerializer()


class IdentitySerializer(serializers.Serializer[Any]):
    """Somebody whose feed is held here, with the newest profile by them. `name` is null for who has no account; `hub`
    is the one that serves such a one, if it is known.
    """

    key = Key()
    name = serializers.CharField(allow_null=True)
    is_member = serializers.BooleanField()
    profile = MessageSerializer(allow_null=True)
    hub = Key(allow_null=True)
    hub_name = serializers.CharField(allow_null=True)


class NoteSerializer(serializers.Serializer[Any]):
    """What somebody says of another one; `message` is their signed `identity.note`, to be verified like any message."""

    author = Key()
    name = serializers.CharField(allow_null=True)
    message = MessageSerializer()


class NotesSerializer(serializers.Serializer[Any]):
    """All that others say of one person, each author's newest note."""

    items = NoteSerializer(many=True)


class NotedSerializer(serializers.Serializer[Any]):
    """Somebody of whom others have notes. `name` is null for who has no account here."""

    key = Key()
    name = serializers.CharField(allow_null=True)
    is_member = serializers.BooleanField()
    hub = Key(allow_null=True)
    hub_name = serializers.CharField(allow_null=True)
    notes = NoteSerializer(many=True)


class PowChallengeSerializer(serializers.Serializer[Any]):
    """A challenge of section 10, for one message by one key."""

    server = Key()
    key = Key()
    purpose = serializers.ChoiceField(choices=["mail"])
    difficulty = serializers.IntegerField()
    expires = serializers.IntegerField()
    nonce = serializers.CharField()
    tag = serializers.CharField()


class PowQuery(serializers.Serializer[Any]):
    """What the work is for."""

    purpose = serializers.ChoiceField(choices=["mail"])
    key = Key()


def read_id(text: str) -> bytes | None:
    """The message id that a text is, None where it is something else."""
    try:
        return b64decode(text, 32)
    except RemoteError:
        return None


MessagePage = page_of(MessageSerializer, "MessagePage")
TopicPage = page_of(TopicSerializer, "TopicPage")
PrunedPage = page_of(PrunedSerializer, "PrunedPage")
IdentityPage = page_of(IdentitySerializer, "IdentityPage")
NotedPage = page_of(NotedSerializer, "NotedPage")
