"""The hub's pages and public documents."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from accord_hub import views
from console.health import healthz, readyz
from console.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = []
if settings.IS_GOSSIP:
    urlpatterns += [path("", views.mirror, name="mirror"), path("join", views.mirror)]
else:
    urlpatterns += [
        path("", views.chat, name="chat"),
        path("join", views.chat, name="join"),
        path("to/<str:name>", views.to, name="to"),
        path("recover", views.chat, name="recover"),
        path("vouch", views.chat, name="vouch"),
        path("space", views.chat, name="space"),
        path("api/v1/", include("accord_hub.api_urls")),
    ]
urlpatterns += [
    path("console/", include("console.urls")),
    path("metrics", metrics, name="metrics"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path(".well-known/accord", views.hub_statement, name="hub_statement"),
]
handler400 = "accord_hub.views.bad_request"
handler403 = "accord_hub.views.forbidden"
handler404 = "accord_hub.views.not_found"
handler500 = "accord_hub.views.failed"
