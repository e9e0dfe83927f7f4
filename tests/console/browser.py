"""A browser without a screen: cookies, forms with their tokens, the Origin that browsers send."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.hubs import run_command

TIMEOUT_SECONDS: Final = 60


class Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


class PlainBrowser:
    """Speaks to one hub."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), Stay())

    def ask(self, path: str, data: dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers in lower case, text."""
        body = urlencode(data).encode() if data is not None else None
        headers = {"Origin": self.url, **headers}
        request = urllib.request.Request(f"{self.url}{path}", data=body, headers=headers)  # noqa: S310
        try:
            answer = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode()

    def download(self, path: str) -> bytes:
        """A file."""
        with self._opener.open(f"{self.url}{path}", timeout=TIMEOUT_SECONDS) as answer:
            data: bytes = answer.read()
        return data

    def post(self, path: str, **data: str) -> tuple[int, dict[str, str], str]:
        """Send a form of the page, as its button does."""
        _, _, text = self.ask(path)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
        assert found, text
        return self.ask(path, {"csrfmiddlewaretoken": found[1], **data})

    def enter(self, link: str) -> None:
        """Open the console by its link, as the page's script does."""
        status, headers, text = self.post("/console/enter", secret=link.partition("#")[2])
        assert (status, headers.get("location")) == (302, "/console/"), text


def console_link(home: Path) -> str:
    """A new link, from another process."""
    done = run_command(home, "console_link", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["link"])
