"""The least that Django REST framework can do: a view that gives one value, which is in $ACCORD_HOME/answer.json.

    python -m uvicorn benchmarks.bare_drf:application

The value is parsed once and encoded for every request, as a view's data is; a POST's body is parsed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    SECRET_KEY="bare",  # noqa: S106 - signs nothing
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
    USE_TZ=True,
)
django.setup()

from rest_framework.request import Request  # noqa: E402 - needs the settings
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

VALUE: Any = json.loads((Path(os.environ["ACCORD_HOME"]) / "answer.json").read_text(encoding="utf-8"))


class Bare(APIView):
    """Any path."""

    def get(self, request: Request) -> Response:
        """The value."""
        return Response(VALUE)

    def post(self, request: Request) -> Response:
        """The value, once the body has been read."""
        assert request.data
        return Response(VALUE)


urlpatterns = [re_path("", Bare.as_view())]
application = get_asgi_application()
