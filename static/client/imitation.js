/**
 * What people call themselves, made safe to show: without signs that are not seen or that turn the line, and so that
 * nobody passes for somebody else. Two names are alike when their skeletons are: letters that look the same count as
 * the same.
 *
 * Not here: account names, which are a few plain letters and each somebody's alone (static/accord/names.js).
 */

/** Signs that are not seen, or that change the direction of what follows; the joiner of emoji is kept. */
const UNSEEN = new RegExp(
  "[\\p{Cc}\\p{Cs}\\p{Co}\\p{Cn}\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200c\\u200e\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0e\\ufeff\\uffa0]",
  "gu",
);

/** What looks like a small Latin letter, by that letter: of Greek, Cyrillic, Armenian; digits and signs. */
const LOOKS = {
  a: "αаɑ", b: "ьвҍ", c: "сϲᴄ", d: "ԁɗ", e: "еєҽ", f: "ſƒ", g: "ɡցɢ", h: "һհнʜ", i: "іıɩι1lӏ|!", j: "јϳ", k: "кκᴋ",
  m: "мᴍ", n: "ոռп", o: "оοօσ0", p: "рρ", q: "ԛգ", r: "гᴦ", s: "ѕꜱ5$", t: "тτᴛ", u: "υսᴜ", v: "ѵνᴠ", w: "ԝѡᴡ", x: "хҳχ",
  y: "уүγʏ", z: "ᴢ2",
};
const LETTERS = new Map(Object.entries(LOOKS).flatMap(([letter, alike]) => [...alike].map((char) => [char, letter])));

/** A name in one line, without signs that are not seen. @param {string} text */
export function cleanName(text) {
  return text.replace(/\s+/gu, " ").replace(UNSEEN, "").trim();
}

/** What a name looks like: equal for names that a reader would take for each other. @param {string} text */
export function skeleton(text) {
  const plain = cleanName(text).normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const letters = [...plain].map((char) => LETTERS.get(char) ?? char).join("");
  return letters.replace(/rn/gu, "m").replace(/vv/gu, "w").replace(/[\s._@-]/gu, "");
}

/** Under which names people are known, and who looks like whom. */
export class Looks {
  /** @type {Map<string, Map<string, string>>} skeleton -> which name of whom -> key */
  #known = new Map();
  /** @type {Map<string, string>} which name of whom -> skeleton */
  #held = new Map();

  /**
   * A name that somebody has; empty: has no longer. Gives the others who look like it, or looked like the one before.
   * @param {"account" | "own"} which
   * @param {string} key
   * @param {string} name
   * @returns {string[]}
   */
  set(which, key, name) {
    const id = `${which} ${key}`;
    const before = this.#held.get(id) ?? "";
    const looks = skeleton(name);
    this.#known.get(before)?.delete(id);
    this.#held.set(id, looks);
    if (looks) {
      this.#known.set(looks, (this.#known.get(looks) ?? new Map()).set(id, key));
    }
    return [...new Set([...this.#at(before), ...this.#at(looks)])].filter((other) => other !== key);
  }

  #at(looks) {
    return looks ? [...(this.#known.get(looks)?.values() ?? [])] : [];
  }

  /** Whether somebody other than `key` is known by a name like this. @param {string} key @param {string} name */
  isTaken(key, name) {
    return this.#at(skeleton(name)).some((other) => other !== key);
  }
}
