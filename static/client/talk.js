/**
 * What pages may ask for, once there is an account (see client.js for names and shapes).
 */

import { b64encode } from "../accord/encoding.js";
import { fingerprint } from "../accord/keys.js";
import { MAX_ABOUT_CHARS, MAX_CHANNEL_NAME_CHARS, MAX_EMOJI_CHARS } from "../accord/message_types.js";
import { MAX_BODY_BYTES, readMessage } from "../accord/messages.js";
import { NONCE_BYTES, openChannelId } from "../accord/topics.js";
import { toSay } from "../words/tosay.js";
import { isKey } from "./directory.js";
import { offerCode } from "./handover.js";
import { ClientError } from "./errors.js";
import { sealCalls } from "./seals.js";
import { SpaceLinks, spaceLinkCalls } from "./space_links.js";
import { spaceCalls } from "./spaces.js";

function textOf(value, maxChars, minChars = 0) {
  const text = String(value ?? "");
  const chars = Array.from(text).length;
  if (chars < minChars) {
    throw new ClientError("bad_request", toSay("There is nothing to send yet; write something first."));
  }
  if (chars > maxChars) {
    throw new ClientError("too_big", toSay("That has more than {most} characters; nothing was changed, shorten it.", { most: maxChars }));
  }
  return text;
}

/**
 * The calls of an account.
 * @param {import("./member.js").Member} member
 * @returns {Record<string, (params: any, page: import("./ports.js").Page) => any>}
 */
export function talkCalls(member) {
  const calls = [messageCalls, fileCalls, searchCalls, conversationCalls, pageCalls, branchCalls, vaultCalls, otherCalls];
  const { spaces, rest, me } = member;
  const links = new SpaceLinks({ spaces, rest, me });
  return Object.assign({}, ...calls.map((make) => make(member)), sealCalls(member), spaceCalls(spaces), spaceLinkCalls(links));
}

function conversationOf(member, id) {
  const conversation = member.conversations.get(String(id));
  if (!conversation) {
    throw new ClientError("not_found");
  }
  return conversation;
}

function postOf(member, { conversation, id }) {
  conversationOf(member, conversation);
  const post = member.timelines.get(conversation)?.fold.posts.get(id);
  if (!post) {
    throw new ClientError("not_found");
  }
  return post;
}

/** What refers to a message goes to its topic; a reaction to a message in one's own inbox to its author's. */
function reference(member, params, rel) {
  const post = postOf(member, params);
  const isReceived = rel === "react" && post.topic === `user:${member.me}`;
  const burnAt = post.burnAt && rel !== "delete" ? { burnAt: post.burnAt } : {};
  return { topic: isReceived ? `user:${post.author}` : post.topic, refs: [{ rel, id: post.id }], ...burnAt };
}

function messageCalls(member) {
  const { outbox, directory, presence, files } = member;
  const add = async (conversation, draft) => ({ id: (await outbox.add(conversation, draft)).id });
  return {
    "message.send": async ({ conversation, text, replyTo, mentions, burnMs, openly, files: given = [] }) => {
      const { topic, id, with: other } = conversationOf(member, conversation);
      presence.typed(topic);
      const said = { text: textOf(text, MAX_BODY_BYTES, given.length ? 0 : 1), format: "markdown" };
      const sealed = await files.seal(given);
      const draft = {
        type: "chat.text",
        topic,
        ...(other ? { direct: other, isOpen: openly === true, burnMs: member.connections.burnMsOf(other) ?? 0 } : {}),
        ...(Number.isInteger(burnMs) && burnMs > 0 ? { burnMs } : {}),
        body: { ...said, ...(sealed.length ? { files: sealed } : {}) },
        mentions: directory.mentionable(mentions),
        replyTo: replyTo ?? "",
      };
      return add(id, draft).catch(async (error) => {
        await files.forget(sealed);
        throw error;
      });
    },
    "message.edit": (params) => add(params.conversation, {
      type: "chat.edit",
      ...reference(member, params, "edit"),
      body: { text: textOf(params.text, MAX_BODY_BYTES, 1) },
      mentions: directory.mentionable(params.mentions),
    }),
    "message.delete": async (params) => {
      const post = postOf(member, params);
      const draft = { type: "chat.delete", ...reference(member, params, "delete"), body: {} };
      const made = await add(params.conversation, draft);
      files.deleted(post);
      return made;
    },
    "message.react": (params) => add(params.conversation, {
      type: "chat.react",
      ...reference(member, params, "react"),
      body: { emoji: textOf(params.emoji, MAX_EMOJI_CHARS, 1), ...(params.on ? {} : { off: true }) },
    }),
    "message.pin": (params) => add(params.conversation, {
      type: "chat.pin", ...reference(member, params, "pin"), body: params.on ? {} : { off: true },
    }),
    "message.retry": ({ id }) => outbox.retry(id),
    "message.discard": ({ id }) => outbox.discard(id),
    "message.details": (params) => details(member, params),
  };
}

function fileCalls(member) {
  return member.files.calls((params) => postOf(member, params));
}

function searchCalls({ search, agreement }) {
  return { ...search.calls(), ...agreement.calls() };
}

/** What is known of a message; its signature is checked once more, on the bytes that are shown. */
async function details(member, params) {
  const post = postOf(member, params);
  const held = post.entry
    ? { message: post.entry.envelope, cursor: 0 }
    : await member.rest.ask("GET", `messages/${post.id}`);
  const message = await readMessage(held.message);
  if (message.idText !== post.id) {
    throw new ClientError("bad_sig");
  }
  return {
    id: message.idText,
    author: message.author,
    authorName: member.people.nameOf(message.author),
    fingerprint: fingerprint(message.authorKey),
    type: message.type,
    createdAt: message.createdAt,
    cursor: held.cursor,
    bytes: message.size,
    header: message.header,
  };
}

function conversationCalls(member) {
  const { conversations, contacts, feed, presence, timelines } = member;
  return {
    "conversation.read": ({ conversation, id }) => {
      const post = postOf(member, { conversation, id });
      return conversations.read(conversation, post);
    },
    "conversation.draft": ({ conversation, text, replyTo }) => {
      conversationOf(member, conversation);
      return conversations.draft(conversation, String(text ?? ""), replyTo);
    },
    "conversation.typing": ({ conversation }) => presence.typing(conversationOf(member, conversation).topic),
    "conversation.pins": async ({ conversation }) => pins(await timelines.load(conversation)),
    "direct.open": ({ key }) => {
      if (!isKey(key) || key === member.me) {
        throw new ClientError("not_found");
      }
      member.people.want([key]);
      member.connections.look(key).catch((error) => error.code ?? console.error(error));
      const conversation = conversations.direct(key);
      conversations.publish(conversation);
      return { conversation };
    },
    "channel.create": (params) => createChannel(member, params),
    "contact.follow": async ({ key, on }) => {
      await contacts.follow(key, on === true);
      const conversation = conversations.feed(key);
      if (on === true) {
        feed.follow(conversation);
        timelines.load(conversation).catch((error) => error.code ?? console.error(error));
      }
      return { conversation };
    },
    "contact.call": ({ key, called }) => contacts.call(key, called),
    "contact.card": ({ key }) => contacts.card(key),
    "contact.note": ({ key, text }) => contacts.note(key, text),
    "contact.noted": () => contacts.noted(),
    "mentions.list": ({ before }) => member.mentions.list(before),
    "mentions.read": () => conversations.seeMentions(),
  };
}

function pins(timeline) {
  return timeline.posts.map((post) => timeline.fold.itemOf(post)).filter((item) => item.isPinned);
}

async function createChannel(member, { name, about }) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const said = textOf(about, MAX_ABOUT_CHARS);
  const body = {
    nonce: b64encode(nonce), name: textOf(name, MAX_CHANNEL_NAME_CHARS, 1), ...(said ? { about: said } : {}),
  };
  await member.publish({ type: "chan.open", topic: `hub:${member.account.hubText}`, body, isControl: true });
  const ident = await openChannelId(member.account.user.publicKey, nonce, member.account.hubKey);
  return { conversation: `chan:${b64encode(ident)}` };
}

function pageCalls(member) {
  const { timelines, conversations, feed, agreement } = member;
  return {
    "timeline.open": ({ conversation }, page) => {
      member.arrivals.landed();
      const { with: other } = conversations.get(conversation) ?? {};
      if (other) {
        member.connections.look(other).catch((error) => error.code ?? console.error(error));
      }
      if (conversations.opened(conversation)) {
        feed.follow(conversation);
      }
      agreement.opened(String(conversation));
      return timelines.open(page, conversation);
    },
    "timeline.close": ({ view }) => timelines.close(view),
    "timeline.older": ({ view }) => timelines.loadOlder(view),
    "timeline.seek": ({ view, id }) => timelines.seek(view, id),
  };
}

function branchCalls({ branch }) {
  return {
    "branch.list": (params) => branch.list(params),
    "branch.limit": (params) => branch.limit(params),
    "branch.rehearse": (params) => branch.rehearse(params),
    "branch.remove": (params) => branch.remove(params),
    "branch.restore": (params) => branch.restore(params),
  };
}

function vaultCalls(member) {
  const { vault, settings } = member;
  return {
    "vault.offerCode": (params) => offerCode(member, params),
    "vault.code": () => vault.locks.code(),
    "vault.codeSaved": () => vault.locks.codeSaved(),
    "vault.setPassword": (params) => vault.locks.setPassword(params),
    "vault.details": () => vault.locks.details(),
    "vault.makeSecret": () => vault.locks.makeSecret(),
    "vault.changePassword": (params) => vault.locks.changePassword(params),
    "vault.makeCode": (params) => vault.locks.makeCode(params),
    "vault.unlock": (params) => vault.locks.unlock(params),
    "vault.putBack": (params) => vault.locks.putBack(params),
    "setting.set": (params) => settings.set(params),
  };
}

function otherCalls(member) {
  const { allowance, devices, carrying, invites, outbox, link, presence, marks, keys, vouching } = member;
  return {
    "profile.set": async ({ displayName, about, status }) => {
      const body = {
        display_name: textOf(displayName, MAX_CHANNEL_NAME_CHARS, 1),
        about: textOf(about, MAX_ABOUT_CHARS),
        status: textOf(status, MAX_ABOUT_CHARS),
      };
      const { fact } = await outbox.add("", { type: "profile", topic: "feed", body });
      await member.people.take(fact);
    },
    "devices.list": () => devices.list(),
    "devices.rename": (params) => devices.rename(params),
    "devices.revoke": (params) => devices.revoke(params),
    "carrying.state": () => carrying.state(),
    "carrying.want": ({ carry }) => carrying.want(carry === true),
    "allowance.look": () => allowance.look(),
    "invites.list": () => invites.list(),
    "invites.create": (params) => invites.create(params),
    "invites.withdraw": (params) => invites.withdraw(params),
    "voucher.list": () => vouching.list(),
    "voucher.make": (params) => vouching.make(params),
    "mark.set": (params) => marks.set(params),
    "reports.list": (params) => marks.list(params),
    "report.make": (params) => marks.report(params),
    "report.close": (params) => marks.close(params),
    "report.rehearse": (params) => marks.rehearse(params),
    "report.remove": (params) => marks.remove(params),
    "keys.state": () => keys.state(),
    "keys.makeCode": () => keys.makeCode(),
    "keys.useCode": (params) => keys.useCode(params),
    "keys.forgetCode": () => keys.forgetCode(),
    "keys.words": (params) => keys.words(params),
    "keys.mark": (params) => keys.mark(params),
    "keys.replacements": () => keys.list(),
    "keys.readLink": (params) => keys.readLink(params),
    "keys.vouch": (params) => keys.vouch(params),
    "keys.cancel": (params) => keys.cancel(params),
    "link.retry": () => link.retry(),
    "presence.set": ({ state }) => presence.set(state),
  };
}
