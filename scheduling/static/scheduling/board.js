/* The board draws itself anew; whoever stands on a button stays on it. */
"use strict";
(() => {
  let at = null;
  const board = () => document.getElementById("board");
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === board() && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target !== board()) return;
    // An answer that came over another page, such as the sign-in, is no board.
    const path = new URL(event.detail.xhr.responseURL || location.href).pathname;
    if (path !== location.pathname) event.detail.shouldSwap = false;
    const card = document.activeElement?.closest(".person-card");
    at = card && event.detail.shouldSwap
      ? { card: card.id, order: [...card.querySelectorAll("a, button")].indexOf(document.activeElement) }
      : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const inside = at ? document.getElementById(at.card)?.querySelectorAll("a, button") : null;
    (inside?.[at.order] ?? inside?.[0])?.focus({ preventScroll: true });
    at = null;
  });
})();
