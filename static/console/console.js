// The few things in the console that need a script: the menu of small screens, the theme, filters that close.
"use strict";

const menu = document.getElementById("menu");
const opener = document.querySelector("[data-opens-menu]");

function showMenu(isOpen) {
  menu.toggleAttribute("data-open", isOpen);
  opener.setAttribute("aria-expanded", String(isOpen));
}

opener.addEventListener("click", () => showMenu(!menu.hasAttribute("data-open")));

document.querySelector("[data-switches-theme]").addEventListener("click", () => {
  const root = document.documentElement;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem("console-theme", root.dataset.theme);
  } catch {
    // It holds for this page.
  }
});

document.addEventListener("click", (event) => {
  for (const filter of document.querySelectorAll("details[data-closes][open]")) {
    if (!filter.contains(event.target)) {
      filter.open = false;
    }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const filter of document.querySelectorAll("details[data-closes][open]")) {
      filter.open = false;
      filter.querySelector("summary").focus();
    }
    if (menu.hasAttribute("data-open")) {
      showMenu(false);
      opener.focus();
    }
  }
  const isWriting = event.target.closest("input, textarea, select");
  if (event.key === "/" && !isWriting && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("[data-shortcut='/']");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copies)); // to be copied by hand
    }
  });
}
