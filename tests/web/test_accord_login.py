"""ClientLogin of static/accord against a real hub, from a page; proof of work in a real Worker."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import Page

from accord import pow
from accord.encoding import b64encode
from accord.invites import parse_link
from accord.keys import SigningKey
from tests.hubs import HubProcess, run_command

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# A session over /ws: messages of the hub in order, frames sealed and opened where so agreed.
CONNECT = """
() => {
window.connect = async (client, options) => {
  const { canonical, parseJson, utf8 } = accord.encoding;
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
  socket.binaryType = "arraybuffer";
  const waiting = [];
  const asked = [];
  const give = (item) => (asked.length ? asked.shift()(item) : waiting.push(item));
  socket.onmessage = ({ data }) => give(typeof data === "string" ? data : new Uint8Array(data));
  socket.onclose = ({ code }) => give({ closed: code });
  await new Promise((resolve) => (socket.onopen = resolve));
  const next = () => (waiting.length ? waiting.shift() : new Promise((resolve) => asked.push(resolve)));
  const login = new accord.login.ClientLogin(client, options);
  socket.send((await login.request()).data);
  let event = await login.receive(await next());
  if (event.kind === "send") {
    socket.send(event.data);
    event = await login.receive(await next());
  }
  const ask = async (frame) => {
    const text = JSON.stringify(frame);
    socket.send(login.sealer ? await login.sealer.seal(utf8(text)) : text);
    for (;;) {
      const data = await next();
      if (data.closed) return data;
      const answer = parseJson(login.opener ? await login.opener.open(data) : data, 2 ** 20);
      if (answer.ref === frame.ref) return answer;
    }
  };
  return { login, event, ask, close: () => socket.close() };
};
}
"""

GUEST = """
async ({ hub, sealed }) => {
  const client = await accord.keys.generateSigningKey();
  const session = await connect(client, { expected: accord.encoding.b64decode(hub), sealed });
  const { login, event } = session;
  const answer = await session.ask({ type: "topics", ref: 7 });
  session.close();
  return {
    kind: event.kind, server: accord.encoding.b64encode(event.server), ok: event.result.ok, state: login.state,
    isSealed: login.sealer !== null, answer: answer.type, ref: answer.ref,
  };
}
"""

JOIN = """
async ({ link, name, sealed, now }) => {
  const { b64encode, canonical, utf8 } = accord.encoding;
  const { createMessage } = accord.messages;
  const invite = accord.invites.parseLink(link);
  const temporary = await accord.invites.temporaryKey(invite.secret);
  const [user, client] = await Promise.all([accord.keys.generateSigningKey(), accord.keys.generateSigningKey()]);
  const enter = async (key) => connect(client, {
    expected: invite.hub, sealed,
    certificate: await accord.certs.makeCertificate(
      key, { clientKey: client.publicKey, servers: [invite.hub], issuedAt: now }),
  });
  const publish = async (session, ref, ...messages) => (await session.ask({ type: "publish", ref, messages })).results;

  const guest = await enter(user);  // no account yet
  const before = guest.event;
  const claiming = await enter(temporary);
  const proof = await accord.invites.makeProof(user, { hub: invite.hub, temp: temporary.publicKey });
  const claimed = await publish(claiming, 1, await createMessage(temporary, {
    type: "replace_account", to: accord.topics.topicName("hub", invite.hub), createdAt: now,
    body: canonical({ new_pubkey: user.publicText, account_name: name, proof: b64encode(proof) }),
  }));
  claiming.close();
  const session = await enter(user);
  const said = await createMessage(user, {
    type: "chat.text", to: "feed", createdAt: now, body: utf8(JSON.stringify({ text: "hello \\u{1F600}" })),
  });
  const stored = await publish(session, 2, said);
  const topic = accord.topics.feedTopic(user.publicKey);
  const page = await session.ask({ type: "fetch", ref: 3, topic, limit: 10 });
  const messages = await Promise.all(page.messages.map(({ message }) => accord.messages.readMessage(message)));
  session.close();
  return {
    before, claimed: claimed.map(({ status }) => status),
    login: session.event.kind, isSealed: session.login.sealer !== null,
    stored: stored.map(({ status }) => status),
    texts: messages.filter(({ type }) => type === "chat.text").map((message) => accord.message_types.readBody(message)),
    sameId: messages.some(({ idText }) => idText === stored[0].id), isExtractable: user.key.extractable,
  };
}
"""


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_guest_logs_in(accord: Page, still_hub: HubProcess, sealed: bool) -> None:
    await accord.evaluate(CONNECT)
    assert await accord.evaluate(GUEST, {"hub": still_hub.key, "sealed": sealed}) == {
        "kind": "logged_in",
        "server": still_hub.key,
        "ok": True,
        "state": "done",
        "isSealed": sealed,
        "answer": "topics",
        "ref": 7,
    }


@pytest.mark.parametrize("sealed", [True, False])
async def test_an_invite_is_claimed_and_the_new_member_writes(
    accord: Page, still_hub: HubProcess, sealed: bool
) -> None:
    made = await asyncio.to_thread(run_command, still_hub.home, "invite", "--json")
    link = json.loads(made.stdout)["link"]
    await accord.evaluate(CONNECT)
    now = await accord.evaluate("Date.now()")
    done = await accord.evaluate(JOIN, {"link": link, "name": f"web{int(sealed)}", "sealed": sealed, "now": now})
    assert done == {
        "before": {"kind": "refused", "code": "denied", "authenticated": True, "reason": "", "until": 0},
        "claimed": ["stored"],
        "login": "logged_in",
        "isSealed": sealed,
        "stored": ["stored"],
        "texts": [{"text": "hello \U0001f600"}],
        "sameId": True,
        "isExtractable": False,
    }
    assert parse_link(link).origin == still_hub.url


async def test_another_hub_than_the_one_expected_is_not_talked_to(accord: Page, still_hub: HubProcess) -> None:
    await accord.evaluate(CONNECT)
    # The hub says so itself, and is not believed to be anyone; a client that asked for none finds it out by itself.
    assert await accord.evaluate("""async () => {
      const client = await accord.keys.generateSigningKey();
      const { event, close } = await connect(client, { expected: client.publicKey });
      close();
      return event;
    }""") == {
        "kind": "refused",
        "code": "wrong_server",
        "authenticated": False,
        "reason": "",
        "until": 0,
    }


SOLVE = """
async ({ challenge, bind }) => {
  const policy = trustedTypes.createPolicy("accord", { createScriptURL: (url) => url });
  const worker = new Worker(policy.createScriptURL(`${accord.folder}pow_worker.js`));
  const tried = [];
  const solve = accord.pow.solve;
  const counter = await solve(challenge, accord.encoding.b64decode(bind), { worker, onProgress: (n) => tried.push(n) });
  let code = "";
  try {
    await solve({ ...challenge, difficulty: 23 }, accord.encoding.b64decode(bind), { worker });
  } catch (error) {
    code = error.code;
  }
  worker.terminate();
  return { counter, tried, code };
}
"""


@pytest.mark.parametrize(("difficulty", "seed"), [(0, 1), (9, 2), (17, 3), (18, 5)])
async def test_the_worker_solves_as_python_does(accord: Page, difficulty: int, seed: int) -> None:
    challenge = pow.make_challenge(
        bytes([seed]) * 32,
        server=SigningKey(bytes([seed]) * 32).public,
        key=bytes(32),
        purpose="mail",
        difficulty=difficulty,
        now=1_790_000_000_000,
        nonce=bytes([seed]) * 16,
    )
    bind = bytes([seed]) * 32
    steps: list[int] = []
    counter = pow.solve(challenge, bind, steps.append)
    assert await accord.evaluate(SOLVE, {"challenge": challenge, "bind": b64encode(bind)}) == {
        "counter": counter,
        "tried": steps,
        "code": "bad_request",
    }
