"""The hub's pages and public documents."""

from django.urls import path

from accord_hub import views

urlpatterns = [
    path("", views.chat, name="chat"),
    path("join", views.chat, name="join"),
    path(".well-known/accord", views.hub_statement, name="hub_statement"),
]
handler400 = "accord_hub.views.bad_request"
handler403 = "accord_hub.views.forbidden"
handler404 = "accord_hub.views.not_found"
handler500 = "accord_hub.views.failed"
