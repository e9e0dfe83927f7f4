"""The modules of static/accord pass the vectors in Chromium, on a page of the hub."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from accord import bodies, connections, epochs, vectors
from accord.encoding import b64encode
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.message_types import check_type, read_body
from accord.messages import create, parse_envelope, verify

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

TEXT = (Path(__file__).parents[1] / "vectors" / "protocol.json").read_text(encoding="utf-8")
WHOLE: dict[str, Any] = json.loads(TEXT)
# A page follows topics by subscription, recomputes only roots of trees, is told of no other hub's removals, and keeps
# no stores.
PROGRAMS_ONLY = {section for section in WHOLE if section.startswith(("merkle_", "sync_", "hub_status", "store_"))}


async def run(page: Page, whole: dict[str, Any]) -> dict[str, Any]:
    """What `run` of vectors.js says of a file; numbers with a point reach it as such."""
    result: dict[str, Any] = await page.evaluate(
        "(text) => accord.vectors.run(accord.encoding.parseJson(text, Infinity))", json.dumps(whole)
    )
    return result


async def test_every_vector_passes_and_none_that_a_page_needs_is_left_out(accord: Page) -> None:
    built = Counter(name.partition(":")[0] for name, check in vectors.entries(WHOLE) if check)
    for section in PROGRAMS_ONLY:
        del built[section]
    not_built = [name for name in WHOLE if name not in built and name not in {"about", "labels_prk"}]
    result = await run(accord, WHOLE)
    assert result == {"passed": built.total(), "failed": [], "notRun": not_built, "sections": dict(built)}


def _flipped(text: str) -> str:
    """Hex or base64url with its first character changed."""
    return ("1" if text[0] != "1" else "2") + text[1:]


CORRUPTIONS: dict[str, tuple[Any, ...]] = {
    "canonical_accept": (0, "bytes"),
    "labels": (0, "hash"),
    "ids": ("open_channel",),
    "cert": ("cert", "signature"),
    "login": ("th3",),
    "messages": (0, "envelope", "body"),
    "statement": ("statement", "sig"),
    "pow": ("hash",),
    "invite": ("proof",),
    "invite_circle": ("temporary_privates", 0, "private"),
    "claim_codes": (0, "hash"),
    "blobs": (1, "id"),
    "signatures": (0, "signature"),
    "hpke": ("key",),
    "channel": ("message_key",),
    "epoch_box": ("box",),
    "epochs": ("opens", 0, "secret"),
    "connection": ("epoch_secret",),
}


@pytest.mark.parametrize("section", CORRUPTIONS)
async def test_a_corrupted_vector_is_reported(accord: Page, section: str) -> None:
    whole = {name: copy.deepcopy(WHOLE[name]) for name in (section, "cert", "labels_prk")}
    place = whole[section]
    *path, last = CORRUPTIONS[section]
    for step in path:
        place = place[step]
    place[last] = _flipped(place[last])
    failed = (await run(accord, whole))["failed"]
    assert failed
    assert {entry["section"] for entry in failed} <= {
        section,
        "login",
    }  # the login's entries use the certificate's keys
    assert section in {entry["section"] for entry in failed}


async def test_what_should_be_refused_and_is_not_is_reported(accord: Page) -> None:
    good = {
        "canonical_reject": [{"bytes": "7b7d", "why": "canonical"}],
        "base64url_reject": ["AA"],
        "order": ["BA", "AA"],
        "messages_reject": [{"why": "good", "code": "bad_sig", "envelope": WHOLE["messages"][0]["envelope"]}],
        "message_types_reject": [{"why": "good", "code": "bad_request", "envelope": WHOLE["messages"][0]["envelope"]}],
        "statements_reject": [{"why": "good", "code": "bad_sig", "statement": WHOLE["statement"]["statement"]}],
        "invite_links_reject": [
            {"why": "good", "link": f"https://hub.example/join#{WHOLE['invite']['hub']}.{WHOLE['invite']['hub']}"}
        ],
        "claim_codes_reject": [{"why": "good", "typed": "7KQ2M-XB94T"}],
        "signatures": [{**WHOLE["signatures"][0], "valid": False}],
    }
    wrong_code = {"messages_reject": [{**WHOLE["messages_reject"][0], "code": "bad_request"}]}
    malformed = {"cert": {}, "pow": 1, "signatures": 1}
    for file in (good, wrong_code, malformed):
        result = await run(accord, file)
        assert (result["passed"], {entry["section"] for entry in result["failed"]}) == (0, set(file)), result


MAKE_IN_PAGE = """async ([userSeed, boxPublic, topic, createdAt]) => {
  const { bodies, encoding, epochs, keys, messages, primitives } = accord;
  const author = await keys.signingKeyFromSeed(encoding.b64decode(userSeed));
  const devices = [{ user: author.publicText, boxkey: boxPublic }];
  const from = author.publicText;
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const windowMs = epochs.DAY_MS;
  const win = epochs.windowAt(createdAt, windowMs);
  const raw = await epochs.firstWindowKey(secret, win);
  const [epoch] = await epochs.makeEpoch(secret, { topic, epoch: 1, from, windowMs, reason: "create", devices });
  const history = await epochs.makeHistory(raw, { topic, epoch: 1, win, from, devices });
  const signed = (type, body) =>
    messages.createMessage(author, { type, to: topic, createdAt, body: encoding.canonical(body) });
  return {
    windowKey: encoding.b64encode(raw),
    epoch: await signed("space.epoch", epoch),
    history: await signed("space.history", history),
    sealed: await bodies.createEncrypted(author, {
      type: "chat.text", to: topic, createdAt, burnAt: createdAt + 60_000, epoch: 1, win,
      windowKey: await primitives.importHmacKey(raw), body: encoding.canonical({ text: "made in a page" }),
    }),
  };
}"""

ACCEPT_IN_PAGE = """async ([userSeed, request]) => {
  const { connections, encoding, keys, message_types, messages, primitives } = accord;
  const author = await keys.signingKeyFromSeed(encoding.b64decode(userSeed));
  const own = await primitives.OneTimeKey.generate();
  const asked = await messages.readMessage(request);
  const { conn_pub: other, conn_id: id } = message_types.readBody(asked);
  const accept = await messages.createMessage(author, {
    type: "connection.accept", to: `user:${asked.author}`, createdAt: asked.createdAt + 1,
    body: encoding.canonical(connections.requestBody(own.publicKey, id)),
  });
  const read = await messages.readMessage(accept);
  const key = await connections.connectionKey(own, other, asked, read);
  return { accept, key: encoding.b64encode(key), topic: await connections.connectionTopic(asked.id, read.id) };
}"""


async def test_a_program_and_a_page_connect(accord: Page) -> None:
    asker, asked, own = SigningKey(bytes([5]) * 32), SigningKey(bytes([7]) * 32), BoxKey.generate()
    body = connections.request_body(own.public, connections.new_conn_id())
    to = f"user:{b64encode(asked.public)}"
    request = create(asker, type="connection.request", to=to, body=body, created_at=1_790_000_000_000)
    made = await accord.evaluate(ACCEPT_IN_PAGE, [b64encode(asked.seed), request])
    asking, accept = (verify(parse_envelope(value)) for value in (request, made["accept"]))
    assert connections.first_accept(asking, [accept]) == accept
    key = connections.connection_key(own, read_body(accept)["conn_pub"], asking, accept)
    assert (b64encode(key), connections.connection_topic(asking.id, accept.id)) == (made["key"], made["topic"])


async def test_what_the_page_seals_opens_in_a_program(accord: Page) -> None:
    user, box, created_at = SigningKey(bytes([5]) * 32), BoxKey(bytes([6]) * 32), 1_790_000_000_000
    topic = f"chan:{b64encode(bytes(32))}"
    made = await accord.evaluate(MAKE_IN_PAGE, [b64encode(user.seed), b64encode(box.public), topic, created_at])
    read = {name: verify(parse_envelope(made[name])) for name in ("epoch", "history", "sealed")}
    for message in read.values():
        check_type(message)
    win = created_at // epochs.DAY_MS
    key = epochs.first_window_key(epochs.open_epoch(read["epoch"], box, user.public), win)
    assert b64encode(key) == made["windowKey"]
    assert epochs.open_history(read["history"], box, user.public) == key
    assert bodies.open_body(read["sealed"], key, window_ms=epochs.DAY_MS) == b'{"text":"made in a page"}'
