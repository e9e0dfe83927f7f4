/**
 * Where the engine runs: a SharedWorker for all tabs, or a Worker of one tab. One file of a version is one worker;
 * pages
 * of an older version keep theirs.
 */

import { Engine } from "./engine.js";

const engine = new Engine();

if ("onconnect" in self) {
  self.onconnect = (event) => engine.pages.connect(event.ports[0]);
} else {
  engine.pages.connect(self);
}
