// Printing is the browser's own: without a script its menu does the same.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
  // The plans begin below the screen: a click on a protocol leads to them. Who goes through the protocols by
  // keys stays there, and so does who changes a wish.
  document.addEventListener("htmx:afterSettle", (event) => {
    const asked = event.detail.requestConfig?.triggeringEvent?.target;
    if (asked?.name === "protocol" && !asked.matches(":focus-visible")) document.getElementById("plans").scrollIntoView();
  });
  // A plan is drawn anew as a whole: the row in which somebody pressed stays under their eyes.
  let row = "";
  let top = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const pressed = event.detail.requestConfig?.elt?.closest("tr");
    const named = pressed?.querySelector("[id]") ?? pressed?.previousElementSibling?.querySelector("[id]");
    row = named?.id.replace(/^release-/, "times-") ?? "";
    top = named?.getBoundingClientRect().top ?? 0;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const now = row && document.getElementById(row)?.getBoundingClientRect().top;
    if (now) window.scrollBy({ top: now - top, behavior: "instant" });
    row = "";
  });
})();
