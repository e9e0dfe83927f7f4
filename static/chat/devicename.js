/** A name for this browser among one's devices, so that one knows it again: "Firefox on Linux". */

import { t } from "../words/words.js";

const BROWSERS = [
  [/\bEdg\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/Chrome\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "Mac"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

function firstOf(pairs, text, otherwise) {
  return pairs.find(([pattern]) => pattern.test(text))?.[1] ?? otherwise;
}

/** What this browser is called. @param {string} [agent] */
export function browserName(agent = navigator.userAgent) {
  return t("{browser} on {system}", {
    browser: firstOf(BROWSERS, agent, t("Browser")), system: firstOf(SYSTEMS, agent, t("a computer")),
  });
}

function online(client) {
  return new Promise((resolve) => {
    const look = () => {
      if (client.state.link.status === "online") {
        client.removeEventListener("state", look);
        resolve(undefined);
      }
    };
    client.addEventListener("state", look);
    look();
  });
}

/** Name this device once the hub is reached, unless it has a name. @param {any} client */
export async function nameThisDevice(client) {
  await online(client);
  try {
    const devices = await client.call("devices.list", {});
    const mine = devices.find((device) => device.isThis);
    if (mine && !mine.name) {
      await client.call("devices.rename", { key: mine.key, name: browserName() });
    }
  } catch {
    // it stays without a name until its owner gives it one
  }
}
