"""The settings of a deployment: `manage.py check --deploy` finds nothing, and https is meant."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from tests.hubs import run_command, start_hub

PUBLIC = "https://hub.example"


def test_check_deploy_is_clean(tmp_path: Path) -> None:
    done = run_command(tmp_path / "home", "check", "--deploy", "--fail-level=WARNING", ACCORD_URL=PUBLIC)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


@pytest.mark.parametrize(("url", "is_https"), [(PUBLIC, True), ("http://hub.example", False), ("", False)])
def test_https_decides(tmp_path: Path, url: str, is_https: bool) -> None:
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
    code = f"from django.conf import settings; print([bool(getattr(settings, n)) for n in {names}])"
    done = run_command(tmp_path / "home", "shell", "-v0", "-c", code, ACCORD_URL=url)
    assert json.loads(done.stdout.lower()) == [is_https] * 3, done.stderr


def test_importing_the_settings_touches_no_disk(tmp_path: Path) -> None:
    code = "import django; django.setup(); from django.conf import settings; print(settings.DEBUG)"
    done = run_command(tmp_path / "home", "shell", "-v0", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.e2e
def test_behind_tls_browsers_are_told_to_stay_there(tmp_path: Path) -> None:
    with start_hub(tmp_path / "home", ACCORD_URL=PUBLIC) as hub:

        def ask(path: str, host: str) -> tuple[int, dict[str, str]]:
            connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}

        status, headers = ask("/console/enter", "hub.example")
        assert status == 200
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert "; Secure" in headers["set-cookie"]
        assert "strict-transport-security" not in ask("/console/enter", f"127.0.0.1:{hub.port}")[1]
        assert ask("/metrics", f"127.0.0.1:{hub.port}")[0] == 401
        assert ask("/healthz", f"127.0.0.1:{hub.port}")[0] == 200
        assert f"{PUBLIC}/console/enter#" in hub.output
