// Asks the browser to make or use a passkey, and posts its answer with the form.
"use strict";

const ALPHABET = { alphabet: "base64url" };
const TEXT = { alphabet: "base64url", omitPadding: true };

function bytes(text) {
  return Uint8Array.fromBase64(text, ALPHABET);
}

function text(buffer) {
  return new Uint8Array(buffer).toBase64(TEXT);
}

function withBytes(descriptors) {
  return (descriptors ?? []).map((descriptor) => ({ ...descriptor, id: bytes(descriptor.id) }));
}

async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    },
  });
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
    },
  };
}

async function get(options) {
  const used = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    },
  });
  return {
    id: used.id,
    rawId: text(used.rawId),
    type: used.type,
    response: {
      clientDataJSON: text(used.response.clientDataJSON),
      authenticatorData: text(used.response.authenticatorData),
      signature: text(used.response.signature),
      ...(used.response.userHandle ? { userHandle: text(used.response.userHandle) } : {}),
    },
  };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const refused = form.querySelector(".refused");
    refused.hidden = true;
    try {
      const options = JSON.parse(form.dataset.options);
      const answer = form.dataset.passkey === "create" ? await create(options) : await get(options);
      form.elements.answer.value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      refused.textContent = `The browser made no passkey of it (${error.name}). Nothing has been changed; try again.`;
      refused.hidden = false;
    }
  });
}
