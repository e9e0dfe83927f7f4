// Restoring: brings a file in pieces, shows how far it is read, and waits for the hub that begins anew.
"use strict";

const PIECE_BYTES = 512 * 1024;
const LOOK_MS = 1000;
const TRIES = 5;

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// A piece is sent again after a cut; the hub says how much it has.
async function sendPiece(url, token, file, at) {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await fetch(`${url}?at=${at}`, {
        method: "POST",
        headers: { "X-CSRFToken": token, "Content-Type": "application/octet-stream" },
        body: file.slice(at, at + PIECE_BYTES),
      });
      const told = await answer.json();
      if (told.size === undefined) {
        throw new RangeError(told.detail ?? String(answer.status));
      }
      return told.size;
    } catch (error) {
      if (error instanceof RangeError || tries === TRIES) {
        throw error;
      }
      await pause(LOOK_MS);
    }
  }
}

async function bring(form) {
  const file = document.getElementById("bring-file").files[0];
  const shown = document.getElementById("bring-progress");
  const says = document.getElementById("bring-says");
  const button = form.querySelector("button");
  if (!file) {
    form.submit();
    return;
  }
  button.disabled = true;
  shown.hidden = false;
  shown.max = file.size;
  try {
    let at = 0;
    do {
      at = await sendPiece(form.dataset.url, form.elements.csrfmiddlewaretoken.value, file, at);
      shown.value = at;
      says.textContent = `${Math.floor((at / Math.max(file.size, 1)) * 100)} % brought`;
    } while (at < file.size);
    form.submit();
  } catch (error) {
    says.textContent = error instanceof RangeError ? `It could not be brought: ${error.message}.` : "The hub gave no answer. Try again.";
    button.disabled = false;
  }
}

async function watch(box) {
  const progress = document.getElementById("progress");
  const says = document.getElementById("progress-says");
  for (;;) {
    await pause(LOOK_MS);
    let told = null;
    try {
      const answer = await fetch(box.dataset.url, { redirect: "error" });
      told = await answer.json();
    } catch {
      says.textContent = "The hub gave no answer; trying again.";
      continue;
    }
    if (told.state === "comparing") {
      says.textContent = "comparing with what is here";
      progress.removeAttribute("value");
    } else if (told.state === "reading") {
      progress.max = Math.max(told.total, 1);
      progress.value = told.done;
      says.textContent = told.total ? `${Math.floor((told.done / told.total) * 100)} %` : "";
    } else {
      location.reload();
      return;
    }
  }
}

// The session of this browser is one of the hub that is left: as soon as it counts no more, the other hub is here.
async function waitForTheOther(box) {
  for (;;) {
    await pause(LOOK_MS);
    let answer = null;
    try {
      answer = await fetch(box.dataset.state, { redirect: "manual" });
    } catch {
      continue; // it is stopping or beginning
    }
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      location.replace(`${box.dataset.enter}#${box.dataset.secret}`);
      return;
    }
    if (answer.ok && !(await answer.json()).is_wanted) {
      location.replace(box.dataset.back); // it could not be put in place: that page says why
      return;
    }
  }
}

const form = document.getElementById("bring");
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  bring(form);
});
const underWay = document.getElementById("under-way");
if (underWay) {
  watch(underWay);
}
const restoring = document.getElementById("restoring");
if (restoring) {
  waitForTheOther(restoring);
}
