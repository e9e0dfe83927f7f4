/** Files that are dropped onto a conversation. */

/**
 * @param {HTMLElement} element
 * @param {(transfer: DataTransfer | null) => void} take
 */
export function listenToDrops(element, take) {
  let depth = 0; // elements inside tell of entering and leaving too
  const show = (change) => {
    depth = Math.max(0, change);
    element.classList.toggle("is-dropping", depth > 0);
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  element.addEventListener("dragenter", (event) => hasFiles(event) && show(depth + 1));
  element.addEventListener("dragleave", (event) => hasFiles(event) && show(depth - 1));
  element.addEventListener("dragover", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    }
  });
  element.addEventListener("drop", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      show(0);
      take(event.dataTransfer);
    }
  });
}
