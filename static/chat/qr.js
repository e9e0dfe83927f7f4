/**
 * QR codes: byte mode, levels L and M, versions 1 to 20 (ISO/IEC 18004). Drawn as one SVG path.
 * Not here: other modes, higher levels, reading.
 */

const SVG = "http://www.w3.org/2000/svg";
const QUIET_MODULES = 4;
const MAX_VERSION = 20;

// By level: check codewords a block, and the number of blocks, for versions 1 to 20
const LEVELS = {
  L: {
    bits: 1,
    check: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28],
    blocks: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8],
  },
  M: {
    bits: 0,
    check: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26],
    blocks: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16],
  },
};

const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

// Powers and logarithms in the field of 256 elements over x^8 + x^4 + x^3 + x^2 + 1
const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = EXP[power + 255] = value;
  LOG[value] = power;
  value = (value << 1) ^ (value & 128 ? 0x11d : 0);
}

/**
 * The code of a text, in the smallest version that holds it.
 * @param {string} text
 * @param {{level?: "L" | "M", mask?: number | null}} [options] mask: null chooses as the standard does
 * @returns {{version: number, mask: number, size: number, modules: Uint8Array}} modules: 1 is dark, row by row
 */
export function encodeQr(text, { level = "M", mask = null } = {}) {
  const data = new TextEncoder().encode(text);
  const version = versionFor(data.length, level);
  const words = interleave(dataWords(data, version, level), version, level);
  const base = drawFunctions(version);
  drawWords(base, words);
  const choices = mask === null ? MASKS.map((_, index) => index) : [mask];
  let best = null;
  for (const choice of choices) {
    const modules = masked(base, choice);
    const penalty = choices.length > 1 ? penaltyOf(modules, base.size) : 0;
    if (best === null || penalty < best.penalty) {
      best = { penalty, modules, mask: choice };
    }
  }
  drawFacts(best.modules, version, best.mask, level);
  return { version, mask: best.mask, size: base.size, modules: best.modules };
}

/**
 * A text as an SVG picture, dark on white in every theme, with the quiet zone that scanners need.
 * @param {string} text
 * @param {string} label what it leads to, for people who do not see it
 * @returns {SVGSVGElement}
 */
export function qrPicture(text, label) {
  const { size, modules } = encodeQr(text);
  const side = size + 2 * QUIET_MODULES;
  let path = "";
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      let run = 0;
      while (x + run < size && modules[y * size + x + run]) {
        run += 1;
      }
      if (run > 0) {
        path += `M${x + QUIET_MODULES} ${y + QUIET_MODULES}h${run}v1h-${run}z`;
        x += run;
      }
    }
  }
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("shape-rendering", "crispEdges");
  svg.append(shape(`M0 0h${side}v${side}H0z`, "qr-light"), shape(path, "qr-dark"));
  return svg;
}

function shape(path, name) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("d", path);
  element.setAttribute("class", name);
  return element;
}

function totalWords(version) {
  const side = version * 4 + 17;
  const aligned = alignment(version).length;
  const patterns = aligned === 0 ? 0 : (aligned * aligned - 3) * 25 - 2 * (aligned - 2) * 5;
  const bits = side * side - 3 * 64 - 2 * (side - 16) - patterns - 31 - (version >= 7 ? 36 : 0);
  return bits >> 3;
}

function capacity(version, level) {
  const { check, blocks } = LEVELS[level];
  return totalWords(version) - check[version - 1] * blocks[version - 1];
}

function headerBits(version) {
  return 4 + (version < 10 ? 8 : 16);
}

function versionFor(bytes, level) {
  for (let version = 1; version <= MAX_VERSION; version += 1) {
    if (headerBits(version) + 8 * bytes <= 8 * capacity(version, level)) {
      return version;
    }
  }
  throw new RangeError("too long for a QR code");
}

function dataWords(data, version, level) {
  const words = new Uint8Array(capacity(version, level));
  let bit = 0;
  const put = (value, count) => {
    for (let index = count - 1; index >= 0; index -= 1, bit += 1) {
      words[bit >> 3] |= ((value >> index) & 1) << (7 - (bit & 7));
    }
  };
  put(0b0100, 4);
  put(data.length, headerBits(version) - 4);
  for (const byte of data) {
    put(byte, 8);
  }
  const used = Math.ceil(Math.min(bit + 4, words.length * 8) / 8);
  for (let index = used; index < words.length; index += 1) {
    words[index] = (index - used) % 2 === 0 ? 0xec : 0x11;
  }
  return words;
}

function interleave(data, version, level) {
  const { check, blocks } = LEVELS[level];
  const count = blocks[version - 1];
  const checkLength = check[version - 1];
  const short = Math.floor(data.length / count);
  const longer = data.length % count;
  const divisor = generator(checkLength);
  const parts = [];
  for (let index = 0, at = 0; index < count; index += 1) {
    const length = short + (index >= count - longer ? 1 : 0);
    const words = data.subarray(at, at + length);
    parts.push({ words, check: remainder(words, divisor) });
    at += length;
  }
  const result = [];
  for (let index = 0; index <= short; index += 1) {
    result.push(...parts.filter((part) => index < part.words.length).map((part) => part.words[index]));
  }
  for (let index = 0; index < checkLength; index += 1) {
    result.push(...parts.map((part) => part.check[index]));
  }
  return result;
}

function multiply(a, b) {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a] + LOG[b]];
}

function generator(degree) {
  let poly = [1];
  for (let power = 0; power < degree; power += 1) {
    const next = [...poly, 0];
    poly.forEach((value, index) => {
      next[index + 1] ^= multiply(value, EXP[power]);
    });
    poly = next;
  }
  return poly.slice(1);
}

function remainder(words, divisor) {
  const rest = new Uint8Array(divisor.length);
  for (const word of words) {
    const factor = word ^ rest[0];
    rest.copyWithin(0, 1);
    rest[rest.length - 1] = 0;
    divisor.forEach((value, index) => {
      rest[index] ^= multiply(value, factor);
    });
  }
  return rest;
}

function alignment(version) {
  if (version === 1) {
    return [];
  }
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const places = [6];
  for (let place = version * 4 + 10; places.length < count; place -= step) {
    places.splice(1, 0, place);
  }
  return places;
}

/** Everything that is the same for every content; `fixed` marks what masks and data leave alone. */
function drawFunctions(version) {
  const size = version * 4 + 17;
  const grid = { version, size, modules: new Uint8Array(size * size), fixed: new Uint8Array(size * size) };
  const set = (x, y, isDark) => {
    if (x >= 0 && y >= 0 && x < size && y < size) {
      grid.modules[y * size + x] = isDark ? 1 : 0;
      grid.fixed[y * size + x] = 1;
    }
  };
  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  const square = (cx, cy, reach, isDark) => {
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        set(cx + dx, cy + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  };
  for (const [cx, cy] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ]) {
    square(cx, cy, 4, (ring) => ring !== 2 && ring !== 4);
  }
  const places = alignment(version);
  const last = places.length - 1;
  places.forEach((cx, i) =>
    places.forEach((cy, j) => {
      if (!((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0))) {
        square(cx, cy, 2, (ring) => ring !== 1);
      }
    }),
  );
  formatPlaces(size, (x, y) => set(x, y, false));
  set(8, size - 8, false);
  if (version >= 7) {
    versionPlaces(size, (x, y) => set(x, y, false));
  }
  return grid;
}

/** Calls with the two places of each of the 15 format bits. */
function formatPlaces(size, put) {
  for (let index = 0; index < 15; index += 1) {
    const along = index < 6 ? index : index < 8 ? index + 1 : size - 15 + index;
    put(8, along, index);
    const across = index < 8 ? size - 1 - index : index < 9 ? 15 - index : 14 - index;
    put(across, 8, index);
  }
}

/** Calls with the two places of each of the 18 version bits. */
function versionPlaces(size, put) {
  for (let index = 0; index < 18; index += 1) {
    const [near, far] = [Math.floor(index / 3), size - 11 + (index % 3)];
    put(far, near, index);
    put(near, far, index);
  }
}

function withCheck(value, bits, divisor) {
  let rest = value;
  for (let index = 0; index < bits; index += 1) {
    rest = (rest << 1) ^ ((rest >> (bits - 1)) & 1 ? divisor : 0);
  }
  return (value << bits) | rest;
}

function drawWords(grid, words) {
  const { size, modules, fixed } = grid;
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    const column = right <= 6 ? right - 1 : right;
    const isUpward = ((column + 1) & 2) === 0;
    for (let step = 0; step < size; step += 1) {
      const y = isUpward ? size - 1 - step : step;
      for (const x of [column, column - 1]) {
        if (!fixed[y * size + x] && bit < words.length * 8) {
          modules[y * size + x] = (words[bit >> 3] >> (7 - (bit & 7))) & 1;
          bit += 1;
        }
      }
    }
  }
}

function masked(grid, mask) {
  const { size, fixed } = grid;
  const modules = grid.modules.slice();
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      if (!fixed[y * size + x] && MASKS[mask](x, y)) {
        modules[y * size + x] ^= 1;
      }
    }
  }
  return modules;
}

/** What tells a scanner level, mask and version. Drawn last: the standard judges masks without it. */
function drawFacts(modules, version, mask, level) {
  const size = version * 4 + 17;
  const format = withCheck((LEVELS[level].bits << 3) | mask, 10, 0x537) ^ 0x5412;
  formatPlaces(size, (x, y, index) => {
    modules[y * size + x] = (format >> index) & 1;
  });
  modules[(size - 8) * size + 8] = 1;
  if (version >= 7) {
    const bits = withCheck(version, 12, 0x1f25);
    versionPlaces(size, (x, y, index) => {
      modules[y * size + x] = (bits >> index) & 1;
    });
  }
}

/** How badly a scanner would like it: long runs, blocks, what looks like a finder, too dark or too light. */
function penaltyOf(modules, size) {
  const lines = [];
  for (let at = 0; at < size; at += 1) {
    lines.push(
      modules.subarray(at * size, (at + 1) * size),
      Uint8Array.from({ length: size }, (_, y) => modules[y * size + at]),
    );
  }
  let total = 0;
  for (const line of lines) {
    total += runPenalty(line) + 40 * finderLike(line);
  }
  for (let y = 0; y + 1 < size; y += 1) {
    for (let x = 0; x + 1 < size; x += 1) {
      const at = y * size + x;
      const sum = modules[at] + modules[at + 1] + modules[at + size] + modules[at + size + 1];
      total += sum === 0 || sum === 4 ? 3 : 0;
    }
  }
  const dark = modules.reduce((sum, each) => sum + each, 0);
  return total + 10 * Math.floor(Math.abs(dark * 20 - size * size * 10) / (size * size));
}

function runPenalty(line) {
  let total = 0;
  for (let at = 0; at < line.length;) {
    let run = 1;
    while (at + run < line.length && line[at + run] === line[at]) {
      run += 1;
    }
    total += run >= 5 ? run - 2 : 0;
    at += run;
  }
  return total;
}

function finderLike(line) {
  const text = line.join("");
  let found = 0;
  for (let at = text.indexOf("1011101"); at >= 0;) {
    const isLightBefore = !text.slice(Math.max(0, at - 4), at).includes("1");
    const isLightAfter = !text.slice(at + 7, at + 11).includes("1");
    found += isLightBefore || isLightAfter ? 1 : 0;
    at = text.indexOf("1011101", at + (isLightBefore || isLightAfter ? 7 : 4));
  }
  return found;
}
