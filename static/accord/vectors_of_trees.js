// Checks of the section of a vector file about roots of trees (vectors.js; protocol.md section 5).

import { rootOf } from "./merkle.js";
import { fromHex, toHex } from "./vector_checks.js";

/** @type {Record<string, (cases: any) => [name: string, check: () => any][]>} */
export const TREE_SECTIONS = {
  merkle: (cases) => cases.map((/** @type {any} */ { n, horizon, items, root }) => [`${n} from ${horizon}`, async () => {
    const held = items.filter((/** @type {any} */ [at]) => at >= horizon);
    const found = toHex(await rootOf(held.map((/** @type {any} */ [at, id]) => ({ at, id: fromHex(id) })).reverse()));
    if (found !== root) throw new Error(`${found} instead of ${root}`);
  }]),
};
