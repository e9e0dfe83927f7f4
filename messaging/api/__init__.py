"""The rooms of the REST API that are about messages: messages, topics and channels, identities, proof of work.

Messages come in through the same pipeline as those of a socket, and go out as they were signed.
"""

from messaging.api.identities import IdentityViewSet, PowViewSet
from messaging.api.messages import MessageViewSet
from messaging.api.people import ContactViewSet, ReportViewSet
from messaging.api.spaces import SpaceViewSet
from messaging.api.topics import ChannelViewSet, TopicViewSet

__all__ = [
    "ChannelViewSet",
    "ContactViewSet",
    "IdentityViewSet",
    "MessageViewSet",
    "PowViewSet",
    "ReportViewSet",
    "SpaceViewSet",
    "TopicViewSet",
]
