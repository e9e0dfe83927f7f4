/**
 * The devices of one's account: listed by the hub, named there, ended by a signed `cert.revoke` in one's feed
 * (protocol.md section 2); and until when what is encrypted is sealed to each (section 7).
 */

/** What the page's dialog of devices needs. */
export class Devices {
  #rest;
  #publish;
  #boxkeys;
  #me;

  /**
   * @param {{rest: import("./rest.js").Rest, boxkeys: import("./boxkeys.js").BoxKeys, me: string,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>}} parts `publish`: now, or not at all
   */
  constructor({ rest, publish, boxkeys, me }) {
    this.#rest = rest;
    this.#publish = publish;
    this.#boxkeys = boxkeys;
    this.#me = me;
  }

  async list() {
    const [items, living] = await Promise.all([this.#rest.all("devices"), this.#boxkeys.of(this.#me)]);
    const sealedUntil = new Map(living.map((device) => [device.client, device.notAfter]));
    return items.map((item) => ({
      key: item.key,
      name: item.name,
      isThis: item.is_this,
      firstSeen: item.first_seen,
      lastSeen: item.last_seen,
      expires: item.expires,
      sealedUntil: item.is_revoked ? 0 : sealedUntil.get(item.key) ?? 0,
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
