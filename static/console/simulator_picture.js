// The picture of the simulator: messages by the day on which they were made, and which of them would go.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const MOST_WIDTH = 720;
const HEIGHT = 180;
const LEFT = 52;
const TOP = 8;
const BOTTOM = 22;
const LEAST_WIDTH = 280;
const MOST_BARS = 90;
const LABEL_WIDTH = 130;
const TEXT_WIDTH = 76;
const DAY_MS = 24 * 3600 * 1000;
const STEPS_DAYS = [1, 7, 30, 91, 365];

function dayText(day) {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function element(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, String(value));
  }
  made.textContent = text;
  return made;
}

// Days put together so that there are no more bars than can be told apart.
function bars(held, goes) {
  const first = held[0][0];
  const days = held.at(-1)[0] - first + 1;
  const step = STEPS_DAYS.find((size) => days / size <= MOST_BARS) ?? Math.ceil(days / MOST_BARS);
  const made = Array.from({ length: Math.ceil(days / step) }, (_, place) => ({ day: first + place * step, held: 0, burning: 0, goes: 0 }));
  for (const [day, messages, burning] of held) {
    const bar = made[Math.floor((day - first) / step)];
    bar.held += messages;
    bar.burning += burning;
  }
  for (const [day, messages] of goes) {
    const bar = made[Math.floor((day - first) / step)];
    if (bar) {
      bar.goes += messages;
    }
  }
  return { made, step };
}

function niceTop(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * unit).find((mark) => mark >= most);
}

function drawBar(bar, place, wide, heightOf) {
  const parts = [];
  const goes = Math.min(bar.goes, bar.held);
  const burns = Math.min(bar.burning, bar.held - goes);
  let from = HEIGHT - BOTTOM;
  for (const [kind, messages] of [["stays", bar.held - goes - burns], ["burns", burns], ["goes", goes]]) {
    const height = heightOf(messages);
    from -= height;
    if (messages) {
      const x = LEFT + place * wide;
      const width = Math.max(wide - (wide > 4 ? 1.5 : 0.3), 0.5);
      parts.push(element("rect", { class: kind, x: x.toFixed(1), y: from.toFixed(1), width: width.toFixed(1), height: Math.max(height, 0.6).toFixed(1) }));
    }
  }
  const group = element("g", {});
  const more = goes ? `, ${goes.toLocaleString("en")} would go` : "";
  group.append(element("title", {}, `${dayText(bar.day)}: ${bar.held.toLocaleString("en")} messages${more}`), ...parts);
  return group;
}

/** An image, so many pixels wide, of what is held by day, [[day, messages, burning]], and of what of it would go,
 * [[day, messages]]. */
export function picture(held, goes, room) {
  const width = Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, room));
  const svg = element("svg", { class: "bars picture", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img" });
  if (!held.length) {
    return svg;
  }
  const { made, step } = bars(held, goes);
  const top = niceTop(Math.max(...made.map((bar) => bar.held)));
  const wide = (width - LEFT) / made.length;
  const heightOf = (messages) => (messages / top) * (HEIGHT - TOP - BOTTOM);
  for (const mark of [0, top / 2, top]) {
    const y = HEIGHT - BOTTOM - heightOf(mark);
    svg.append(element("line", { class: "rule", x1: LEFT, x2: width, y1: y, y2: y }));
    if (Number.isInteger(mark)) {
      svg.append(element("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, mark.toLocaleString("en")));
    }
  }
  made.forEach((bar, place) => svg.append(drawBar(bar, place, wide, heightOf)));
  const every = Math.max(1, Math.ceil((made.length * LABEL_WIDTH) / (width - LEFT)));
  for (let place = 0; place < made.length; place += every) {
    const x = LEFT + place * wide;
    if (x + TEXT_WIDTH <= width) {
      svg.append(element("text", { x, y: HEIGHT - 6 }, dayText(made[place].day)));
    }
  }
  const gone = made.reduce((sum, bar) => sum + Math.min(bar.goes, bar.held), 0);
  const all = made.reduce((sum, bar) => sum + bar.held, 0);
  const what = step === 1 ? "day" : `${step} days`;
  svg.setAttribute("aria-label", `Messages by ${what}, ${dayText(made[0].day)} to ${dayText(held.at(-1)[0])}: ${gone.toLocaleString("en")} of ${all.toLocaleString("en")} would go`);
  return svg;
}
