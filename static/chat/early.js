/*
 * A classic script, alone in that: it runs before anything is painted, so that no page flashes in the other theme.
 * The choice is made in theme.js.
 */
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("accord.theme");
  } catch {
    // a browser that refuses storage follows the system
  }
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
}
