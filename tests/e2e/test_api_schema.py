"""The API against its own description: whatever the schema allows or forbids, a real hub answers as the schema says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from accord import stores
from accord.encoding import b64encode
from accord.keys import SigningKey
from tests.e2e.plain_client import Key, id_of, message, now_ms, text
from tests.e2e.rest import Rest
from tests.e2e.world import World, running
from tests.hubs import run_command

pytestmark = pytest.mark.e2e

EXAMPLES = 5  # an operation and kind of data, beside one for each keyword of the schema
RUN_SECONDS = 100
SEED = "1"
REQUESTS = "130/s"  # those without a token, one in ten, are for the throttle of addresses
METHODS = {"get", "post", "put", "patch", "delete"}
# Of the checks all but one: that what the schema allows is accepted. It cannot say that messages must be signed.
UNFIT_CHECK = "positive_data_acceptance"


def values(world: World, rest: Rest) -> dict[str, dict[str, str]]:
    """What is there, by the operation that leads to it; schemathesis would not guess a key."""
    lounge = rest.items("channels")[0]["topic"]
    said = text(world.admin, lounge, "said", attention_keys=[world.admin.text])
    answer = text(world.admin, lounge, "answered", attention_messages=[id_of(said)])
    profile = message(world.admin, "profile", "feed", {"display_name": "The admin"}, created_at=now_ms())
    member = Key()
    added = world.add_user(world.admin, member)
    stored = rest.post("messages", {"messages": [said, answer, profile, added]}).value["results"]
    assert {result["status"] for result in stored} == {"stored"}
    invite = rest.items("invites")[0]["key"]
    document = stores.make_enclave(SigningKey(bytes(32)), body=b"ciphertext")
    enclave = document["id"]
    assert rest.ask("PUT", f"enclaves/{enclave}", {"enclave": document}).status == 200
    body = b"ciphertext"
    shard = {"id": b64encode(stores.shard_id(body)), "id_attach": member.text, "body": b64encode(body)}
    assert rest.post("shards", {**shard, "burn_at": now_ms() + 3_600_000}).status == 200
    return {
        "GET /api/v1/channels/{topic}": {"topic": lounge},
        "GET /api/v1/topics/{topic}": {"topic": lounge},
        "GET /api/v1/topics/{topic}/pruned": {"topic": lounge},
        "GET /api/v1/topics/{topic}/root": {"topic": lounge},
        "GET /api/v1/topics/{topic}/roots": {"topic": lounge},
        "GET /api/v1/messages": {"topic": lounge},
        "GET /api/v1/messages/{ident}": {"ident": id_of(said)},
        "GET /api/v1/messages/{ident}/proof": {"ident": id_of(said)},
        "GET /api/v1/messages/{ident}/replies": {"ident": id_of(said)},
        "GET /api/v1/messages/{ident}/references": {"ident": id_of(said)},
        "GET /api/v1/users/{key}": {"key": world.admin.text},
        "POST /api/v1/users/{key}/rehearse": {"key": member.text},
        "GET /api/v1/identities/{key}": {"key": world.admin.text},
        "GET /api/v1/devices/{key}": {"key": rest.client.text},
        "PATCH /api/v1/devices/{key}": {"key": rest.client.text},
        "GET /api/v1/invites/{key}": {"key": invite},
        "GET /api/v1/branch/{key}": {"key": world.admin.text},
        "GET /api/v1/enclaves/{ident}": {"ident": enclave},
        "GET /api/v1/shards/{ident}": {"ident": shard["id"]},
        "DELETE /api/v1/sessions/{handle}": {"handle": Rest.login(world, world.admin).result["session"]},  # not ours
    }


def test_the_hub_answers_as_it_says(tmp_path: Path) -> None:
    """No server error, no answer that is not in the schema, nothing taken that the schema forbids."""
    with running(tmp_path / "home") as world:
        rest = Rest.login(world, world.admin)
        config = tmp_path / "schemathesis.toml"
        config.write_text(
            "\n".join(
                f"[[operations]]\ninclude-name = {json.dumps(name)}\n[operations.parameters]\n"
                + "\n".join(f"{key} = {json.dumps(value)}" for key, value in found.items())
                for name, found in values(world, rest).items()
            ),
            encoding="utf-8",
        )
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                *("--config-file", config),
                *("run", f"{rest.origin}/api/v1/schema"),
                *("--header", f"Authorization: Bearer {rest.token}"),
                *("--phases", "examples,coverage,fuzzing"),
                *("--max-examples", str(EXAMPLES)),
                *("--exclude-checks", UNFIT_CHECK),
                *("--seed", SEED),
                *("--rate-limit", REQUESTS),
                *("--warnings", "off"),
            ],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        paths = rest.get("schema").value["paths"].values()
        operations = sum(method in METHODS for path in paths for method in path)
        assert f"Tested: {operations}" in done.stdout, done.stdout
        assert rest.get("me").status == 200  # the token was good all the time
        output = (tmp_path / "home.log").read_text(encoding="utf-8")
        assert "Traceback" not in output, output


def test_the_schema_is_complete(tmp_path: Path) -> None:
    """Every operation is described: drf-spectacular warns of whatever it has to guess."""
    done = run_command(tmp_path / "home", "spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    schema = json.loads(done.stdout)
    assert schema["openapi"] == "3.1.0"
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            what = f"{method} {path}"
            assert operation["summary"], what
            assert operation["description"], what
            success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
            if method != "delete" and "application/octet-stream" not in success["content"]:
                assert success["content"]["application/json"]["examples"], what
            for status in ("403", "429", "500"):
                assert operation["responses"][status]["content"]["application/json"]["examples"], what
            if method not in ("post", "put", "patch"):
                continue
            if "application/octet-stream" not in operation["requestBody"]["content"]:
                assert operation["requestBody"]["content"]["application/json"]["examples"], what
