// What the page does beside textual.js: the token leaves the address, the keyboard goes to the app, a new start is offered.
"use strict";

history.replaceState(null, "", location.pathname);

document.addEventListener("DOMContentLoaded", () => {
  const body = document.body;
  document.getElementById("again").addEventListener("click", () => location.reload());
  new MutationObserver(() => {
    if (body.classList.contains("-closed")) document.getElementById("again").focus();
    else if (body.classList.contains("-first-byte")) body.querySelector(".xterm-helper-textarea").focus();
  }).observe(body, { attributeFilter: ["class"] });
});
