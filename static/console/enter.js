// Posts the secret that is behind the # of the link, after taking it out of the address and the history.
"use strict";

const form = document.getElementById("enter");
if (form) {
  const secret = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (secret) {
    form.elements.secret.value = secret;
    form.submit();
  } else {
    document.getElementById("state").hidden = true;
    document.getElementById("without").hidden = false;
  }
}
