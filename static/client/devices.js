/**
 * The devices of one's account: listed by the hub, named there, ended by a signed `cert.revoke` in one's feed
 * (protocol.md
 * section 2).
 */

/** What the page's dialog of devices needs. */
export class Devices {
  #rest;
  #publish;

  /**
   * @param {import("./rest.js").Rest} rest
   * @param {(draft: import("./composer.js").Draft) => Promise<void>} publish now, or not at all
   */
  constructor(rest, publish) {
    this.#rest = rest;
    this.#publish = publish;
  }

  async list() {
    const items = await this.#rest.all("devices");
    return items.map((item) => ({
      key: item.key,
      name: item.name,
      isThis: item.is_this,
      firstSeen: item.first_seen,
      lastSeen: item.last_seen,
      expires: item.expires,
      isRevoked: item.is_revoked,
      isConnected: item.is_connected,
      isHub: item.certificates.length > 0 && item.certificates.every(({ scope }) => !scope.includes("login")),
    }));
  }

  /** @param {{key: string, name: string}} device */
  async rename({ key, name }) {
    await this.#rest.ask("PATCH", `devices/${encodeURIComponent(key)}`, { name });
  }

  /** @param {{key: string}} device */
  async revoke({ key }) {
    await this.#publish({ type: "cert.revoke", topic: "feed", body: { clientkey: key }, isControl: true });
  }
}
