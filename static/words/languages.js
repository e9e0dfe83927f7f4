/** The languages of the web client, each by its own name; English is in the sources, the others in a file each. */

/** @type {[string, string, () => Promise<{default: Record<string, any>}>][]} tag, name, catalogue */
export const LANGUAGES = [
  ["en", "English", async () => ({ default: {} })],
  ["de", "Deutsch", () => import("./de.js")],
];
