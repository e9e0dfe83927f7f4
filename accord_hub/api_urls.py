"""The paths of the REST API, of all apps, under `/api/v1/`."""

from typing import Any

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from accord_hub import api
from blobs.api import BlobViewSet
from invites.api import BranchViewSet, InviteViewSet, QuotaViewSet
from invites.removal_api import RemovalViewSet
from invites.replacing_api import ReplacementViewSet
from messaging.api import (
    ChannelViewSet,
    ContactViewSet,
    IdentityViewSet,
    MessageViewSet,
    PowViewSet,
    ReportViewSet,
    SpaceViewSet,
    TopicViewSet,
)
from peers.api import DeviceViewSet, LoginViewSet, MeViewSet, SessionViewSet, StatusViewSet, UserViewSet
from peers.schema import KEY_REGEX
from peers.viewsets import Lost
from vault.api import OpenVaultViewSet, VaultViewSet
from vault.store_api import EnclaveViewSet, ShardViewSet

router = SimpleRouter(trailing_slash=False)
router.register("blobs", BlobViewSet, basename="blob")
router.register("branch", BranchViewSet, basename="branch")
router.register("channels", ChannelViewSet, basename="channel")
router.register("contacts", ContactViewSet, basename="contact")
router.register("devices", DeviceViewSet, basename="device")
router.register("enclaves", EnclaveViewSet, basename="enclave")
router.register("identities", IdentityViewSet, basename="identity")
router.register("invites", InviteViewSet, basename="invite")
router.register("messages", MessageViewSet, basename="message")
router.register("removals", RemovalViewSet, basename="removal")
router.register("reports", ReportViewSet, basename="report")
router.register("sessions", SessionViewSet, basename="session")
router.register("shards", ShardViewSet, basename="shard")
router.register("spaces", SpaceViewSet, basename="space")
router.register("topics", TopicViewSet, basename="topic")
router.register("users", UserViewSet, basename="user")

ANY_METHOD: Any = dict.fromkeys(["get", "head", "post", "put", "patch", "delete", "options"], "lost")

_REPLACED = f"^users/(?P<key>{KEY_REGEX})/replacement/"

urlpatterns = [
    path("hub", api.DocumentViewSet.as_view({"get": "retrieve"}), name="hub"),
    path("schema", api.SchemaViewSet.as_view({"get": "retrieve"}), name="schema"),
    path("docs", api.docs, name="docs"),
    path("login/request", LoginViewSet.as_view({"post": "begin"}), name="login-request"),
    path("login/response", LoginViewSet.as_view({"post": "finish"}), name="login-response"),
    path("me", MeViewSet.as_view({"get": "retrieve"}), name="me"),
    re_path(f"^users/(?P<key>{KEY_REGEX})/quota$", QuotaViewSet.as_view({"post": "create"}), name="quota"),
    path("status", StatusViewSet.as_view({"get": "retrieve"}), name="status"),
    path("users/me/replacement", ReplacementViewSet.as_view({"get": "mine"}), name="my-replacement"),
    path("users/me/recovery", ReplacementViewSet.as_view({"post": "recovery"}), name="my-recovery"),
    path("replacements", ReplacementViewSet.as_view({"get": "concerning"}), name="replacements"),
    re_path(_REPLACED + "vouch$", ReplacementViewSet.as_view({"post": "vouch"}), name="replacement-vouch"),
    re_path(_REPLACED + "cancel$", ReplacementViewSet.as_view({"post": "cancel"}), name="replacement-cancel"),
    path("vault", VaultViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}), name="vault"),
    path("vault/params", OpenVaultViewSet.as_view({"get": "params"}), name="vault-params"),
    path("vault/open", OpenVaultViewSet.as_view({"post": "open"}), name="vault-open"),
    path("pow", PowViewSet.as_view({"get": "retrieve"}), name="pow"),
    *(
        re_path(f"^users/(?P<key>{KEY_REGEX})/{deed}$", RemovalViewSet.as_view({"post": deed}), name=f"user-{deed}")
        for deed in ("rehearse", "remove", "restore")
    ),
    *router.urls,
    re_path("^(?P<path>.*)$", Lost.as_view(ANY_METHOD)),
]
