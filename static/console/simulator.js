// The sliders of the page Storage: asks, as they are moved, what would go, and shows it. It changes nothing.
"use strict";

import { picture } from "./simulator_picture.js";

const PAUSE_MS = 150;

const box = document.getElementById("simulator");
const room = document.getElementById("sim-mib");
const keep = document.getElementById("sim-time");
const drawn = document.getElementById("sim-picture");
const stops = keep.dataset.stops.split(" ").filter(Boolean).map(Number);
const shown = document.getElementById("sim-result");
const tables = document.getElementById("sim-tables");
const remove = document.getElementById("sim-remove");

let timer = 0;
let tookMs = 0; // a large store is not asked more often than it can answer
let asked = null;
let held = []; // by day, as it was when the page was loaded

function sizeText(mib) {
  return mib >= 1024 ? `${(mib / 1024).toFixed(1)} GiB` : `${mib} MiB`;
}

function plural(number, unit) {
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}

function timeText(hours) {
  if (hours < 24) {
    return plural(hours, "hour");
  }
  return hours < 2 * 365 * 24 ? plural(hours / 24, "day") : plural(hours / 24 / 365, "year");
}

function say() {
  const hasRoom = Number(room.value) < Number(room.max);
  const hasKeep = Number(keep.value) < Number(keep.max);
  const roomSays = hasRoom ? sizeText(Number(room.value)) : "as much as now";
  const keepSays = hasKeep ? `after ${timeText(stops[Number(keep.value)])}` : "never";
  document.getElementById("sim-mib-says").textContent = roomSays;
  document.getElementById("sim-time-says").textContent = keepSays;
  room.setAttribute("aria-valuetext", roomSays);
  keep.setAttribute("aria-valuetext", keepSays);
  const query = new URLSearchParams();
  if (hasRoom) {
    query.set("mib", room.value);
  }
  if (hasKeep) {
    query.set("hours", stops[Number(keep.value)]);
  }
  return query;
}

function table({ title, rows }) {
  const made = document.createElement("table");
  const head = made.createTHead().insertRow();
  for (const [place, text] of [title, "Messages", "Bytes"].entries()) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.className = place ? "number" : "";
    cell.textContent = text;
    head.append(cell);
  }
  const body = made.createTBody();
  for (const [name, ...numbers] of rows) {
    const row = body.insertRow();
    const first = document.createElement("th");
    first.scope = "row";
    first.textContent = name;
    row.append(first);
    for (const number of numbers) {
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = number;
    }
  }
  return made;
}

function show(found) {
  shown.textContent = found.says;
  tables.replaceChildren(...found.tables.map(table));
  drawn.replaceChildren(picture(held, found.days, drawn.clientWidth));
  if (remove) {
    remove.hidden = !found.url;
    remove.href = found.url || "#";
  }
  box.dataset.state = "shown";
}

async function ask() {
  const query = say();
  asked?.abort();
  asked = new AbortController();
  if (![...query].length) {
    show({ says: "Nothing would go: move a slider.", tables: [], days: [], url: "" });
    return;
  }
  const begun = performance.now();
  try {
    const answer = await fetch(`${box.dataset.url}?${query}`, { signal: asked.signal });
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    show(await answer.json());
    tookMs = performance.now() - begun;
  } catch (error) {
    if (error.name !== "AbortError") {
      shown.textContent = "The hub gave no answer. Move a slider to try again.";
    }
  }
}

function moved() {
  say();
  box.dataset.state = "waiting";
  clearTimeout(timer);
  timer = setTimeout(ask, Math.max(PAUSE_MS, tookMs));
}

room.addEventListener("input", moved);
keep.addEventListener("input", moved);
box.hidden = false;
try {
  held = (await (await fetch(box.dataset.held)).json()).days;
  document.getElementById("sim-legend").hidden = !held.length;
} catch {
  // Without it there are the numbers.
}
ask();
