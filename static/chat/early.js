/*
 * A classic script, alone in that: it runs before anything is painted, so that no page flashes in the other theme or
 * language. The choices are made in theme.js and language.js.
 */
{
  const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];
  const page = document.documentElement;
  let theme = null;
  let language = null;
  try {
    theme = localStorage.getItem("accord.theme");
    language = localStorage.getItem("accord.language");
  } catch {
    // a browser that refuses storage follows the system
  }
  if (theme === "light" || theme === "dark") {
    page.dataset.theme = theme;
  }
  if (/^[a-z]{2}$/.test(language ?? "")) {
    page.lang = language;
  }
  page.dir = RIGHT_TO_LEFT.includes(page.lang) ? "rtl" : "ltr";
}
