// Light, dark, or as the system has it; a plain script in the head, so that no page flashes.
"use strict";
try {
  const chosen = localStorage.getItem("console-theme");
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
} catch {
  // Storage is refused: the system decides.
}
