/**
 * What pages are told of a conversation (`client.state.conversations`): what it is called, how it is sealed, what is
 * unread in it, what one may do there.
 *
 * Not here: what is kept of it (conversations.js).
 */

/**
 * @param {any} record as conversations.js keeps it
 * @param {{directory: import("./directory.js").Directory, people: import("./people.js").People,
 *   account: import("./account.js").Account, contacts: import("./contacts.js").Contacts,
 *   marks: import("./marks.js").Marks, keys: import("./keys.js").Keys, spaces: () => import("./spaces.js").Spaces,
 *   seals: () => import("./seals.js").Seals}} parts
 * @returns {Record<string, any> | null} null: none that is to be shown
 */
export function conversationRow(record, parts) {
  const { directory, people, account, contacts, marks, keys, spaces } = parts;
  const { id } = record;
  const row = directory.rows.get(id);
  const isStranger = record.with && !directory.reaches(record.with) && record.lastAt > 0;
  const isFeed = record.kind === "feed";
  const author = isFeed ? id.slice("feed:".length) : null;
  const isChannel = row !== undefined && (!row.isEncrypted || row.space !== null); // else it is of a connection
  if ((record.kind === "channel" && !isChannel) || (isFeed && !(row && contacts.follows(author)))) {
    return null;
  }
  const other = record.with;
  const channel = row?.space ? spaces().channel(id) : null;
  const current = directory.currentOf(other ?? author ?? "");
  const hasNewKey = current !== account.key && keys.changedFrom(current) !== "";
  return {
    id,
    kind: record.kind,
    topic: other ? `user:${other}` : id,
    name: other ?? author ? people.nameOf(other ?? author) : channel?.name ?? directory.titleOf(id),
    author,
    hub: other ? directory.hubOf(other) : row?.hub ?? null,
    about: other ? people.profileOf(other).about : channel?.about ?? row?.about ?? "",
    with: other,
    space: row?.space ?? null,
    voice: channel?.voice === true,
    unread: record.unread.length,
    mentions: record.mentions.length,
    lastAt: record.lastAt,
    horizon: (other ? directory.rows.get(`user:${account.key}`) : row)?.horizon ?? 0,
    draft: record.draft,
    replyTo: record.replyTo || null,
    ...lockOf(record, row, parts),
    formerIds: directory.formerOf(other ?? author ?? "").map(({ key }) => `${record.kind}:${key}`),
    // Whose key is another one now, which was not looked at; "" for nobody
    keyChanged: hasNewKey ? current : "",
    keyChanges: hasNewKey ? keys.changes(current).map(({ way, by, signedAt }) =>
      ({ way, signedAt, by: by.map((key) => ({ name: people.nameOf(key), isVerified: keys.isVerified(key) })) })) : [],
    // Whoever has written can be answered, with an account or without
    canPost: other
      ? (directory.reaches(other) || record.lastAt > 0) && other !== account.key && keys.changedFrom(other) === ""
      : isFeed ? author === account.key : !row.space || channel?.isClosed === false,
    isRequest: isStranger && !record.isAnswered,
    isBlocked: other !== null && marks.of(other) === "blocked",
    canPin: row?.space ? spaces().isAdmin(id, account.key) : !other && row?.isAdmin === true,
  };
}

/** How it is sealed. `burnMs`: after which time what is written burns; `epoch`: 0 without one */
function lockOf({ id, with: other }, row, parts) {
  const { keys, account, spaces, seals } = parts;
  const { connections, keystore, epochs } = seals();
  const topic = other ? connections.topicOf(other) : row?.isEncrypted ? id : "";
  const record = other ? keystore.newest(topic) : topic && epochs.writable(topic);
  const epoch = record?.epoch ?? 0;
  const isChanged = other !== null && other !== account.key && keys.changedFrom(other) !== "";
  const isWaiting = topic !== "" && epoch === 0;
  const next = isWaiting ? "waiting" : other ? outlook(other, parts) : "open";
  const state = isChanged ? "changed" : epoch > 0 ? "encrypted" : next;
  const burnMs = other ? connections.burnMsOf(other) : spaces().channel(id)?.burnMs ?? null;
  return { isEncrypted: topic !== "", lock: { state, burnMs, epoch, progress: epochs.progressOf(id) } };
}

/** How what is written next to somebody goes, while there is no connection with them. */
function outlook(other, { seals, directory }) {
  const { connections } = seals();
  const { state } = connections.standing(other);
  if (state === "asking") {
    return "ready";
  }
  if (state !== "none" || !directory.reaches(other)) {
    return state === "asked" ? "waiting" : "open";
  }
  return { true: "ready", false: "open", undefined: "looking" }[String(connections.askable.canAsk(other))];
}
