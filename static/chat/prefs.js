/**
 * What this browser remembers for the face: theme, notifications, panes. A browser that refuses storage forgets them
 * with the page, and nothing else happens.
 */

const PREFIX = "accord.";
const memory = new Map();

function read(kind, name) {
  try {
    return globalThis[kind].getItem(PREFIX + name) ?? memory.get(kind + name) ?? null;
  } catch {
    return memory.get(kind + name) ?? null;
  }
}

function write(kind, name, value) {
  try {
    if (value === null) {
      globalThis[kind].removeItem(PREFIX + name);
    } else {
      globalThis[kind].setItem(PREFIX + name, value);
    }
    memory.delete(kind + name);
  } catch {
    memory.set(kind + name, value);
  }
}

/** A choice kept in this browser. @param {string} name @returns {string | null} */
export function pref(name) {
  return read("localStorage", name);
}

/** Keep a choice; null forgets it. @param {string} name @param {string | null} value */
export function setPref(name, value) {
  write("localStorage", name, value);
}

/** What this tab remembers over a reload. @param {string} name @returns {string | null} */
export function tabMemory(name) {
  return read("sessionStorage", name);
}

/** Remember for this tab. @param {string} name @param {string | null} value */
export function setTabMemory(name, value) {
  write("sessionStorage", name, value);
}
