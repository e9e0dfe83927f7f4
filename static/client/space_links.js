/**
 * Links into spaces (protocol.md section 7): what one leads to, and joining by it, here or, where the space lives on a
 * linked hub, by way of one's own hub.
 *
 * Not here: making links and withdrawing them, what a space is once one is in it (spaces.js).
 */

import { b64encode } from "../accord/encoding.js";
import { AccordError, RemoteError } from "../accord/errors.js";
import { makeJoinProof, parseSpaceLink, spaceInviteKey } from "../accord/space_invites.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";

const ARRIVAL_MS = 60_000; // two hubs compare what they hold, twice

/** What a refusal means here. */
const REFUSED = {
  not_found: toSay("This link no longer works: it ran out, was used up or was withdrawn. Ask for a new one."),
  wrong_server: toSay(
    "This space is on a hub that yours is not linked with. Ask your hub's operator to link the two, or the one who gave "
    + "you the link for an invite to that hub."),
  busy: toSay("The hub of this space cannot be reached just now, so nothing was changed; try again later."),
  denied: toSay(
    "Your hub may not carry anything to other hubs for you. Switch on “Be reached from hubs that this one is linked with” "
    + "under Devices, then join."),
};

const NOT_WHOLE = toSay("That link to a space is not whole; copy it to its last letter and try again.");

/** Following links. */
export class SpaceLinks {
  #parts;

  /**
   * @param {{spaces: import("./spaces.js").Spaces, rest: import("./rest.js").Rest, me: string}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** What a link leads to, as far as its hub tells somebody who is not in it. */
  async look({ link }) {
    const parsed = read(link);
    const space = b64encode(parsed.space);
    const mine = this.#parts.spaces.mine(space);
    if (mine) {
      return { space, isMember: true, name: mine.name, about: mine.about, members: 0, isElsewhere: false };
    }
    const { name, about, members, uses_left: left, expires, hub } = await this.#invite(parsed);
    return {
      space, isMember: false, name: String(name), about: String(about ?? ""), members, left, expires, isElsewhere: !!hub,
    };
  }

  /** Come into a space; one of another hub takes a moment to get here. */
  async join({ link }) {
    const { spaces, me } = this.#parts;
    const parsed = read(link);
    const space = b64encode(parsed.space);
    if (!spaces.mine(space)) {
      const invite = await this.#invite(parsed);
      const key = await spaceInviteKey(parsed.secret);
      const proof = await makeJoinProof(key, { space, user: me });
      const body = { pubkey: key.publicText, proof: b64encode(proof) };
      const message = await spaces.signed(space, "space.join", body, invite.heads);
      if (invite.hub) {
        await this.#ask("POST", `spaces/${space}/join`, { hub: b64encode(parsed.hub), message });
        await this.#arrival(space);
      } else {
        await spaces.store(message);
        await spaces.load(space);
      }
    }
    const view = spaces.mine(space);
    if (!view) {
      throw new ClientError("not_found");
    }
    const first = [...view.channels.keys()].find((id) => view.may(me, "write", id));
    return { space, conversation: first ? `chan:${first}` : null };
  }

  async #invite({ space, secret, hub }) {
    const { publicText } = await spaceInviteKey(secret);
    return this.#ask("GET", `spaces/${b64encode(space)}/invite?pubkey=${publicText}&hub=${b64encode(hub)}`);
  }

  async #ask(method, path, body) {
    try {
      return await this.#parts.rest.ask(method, path, body);
    } catch (error) {
      throw error instanceof AccordError && error.code in REFUSED ? new ClientError(error.code, REFUSED[error.code]) : error;
    }
  }

  async #arrival(space) {
    if (await this.#parts.spaces.comes(space, ARRIVAL_MS)) {
      return;
    }
    throw new ClientError("busy", toSay("You have joined; the space is on its way from the other hub and appears by itself."));
  }
}

function read(/** @type {unknown} */ link) {
  try {
    return parseSpaceLink(String(link ?? ""));
  } catch (error) {
    throw error instanceof RemoteError ? new ClientError("bad_link", NOT_WHOLE) : error;
  }
}
/**
 * What pages may ask for.
 * @param {SpaceLinks} links
 * @returns {Record<string, (params: any) => any>}
 */
export function spaceLinkCalls(links) {
  return {
    "space.look": (params) => links.look(params),
    "space.join": (params) => links.join(params),
  };
}
