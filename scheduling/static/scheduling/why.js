// What was fetched into the drawer is shown in it; Escape and the button close it.
(() => {
  "use strict";
  document.addEventListener("htmx:afterSwap", (event) => {
    const drawer = document.getElementById("why-drawer");
    if (!drawer || event.target.id !== "why-body") return;
    if (!drawer.open) drawer.showModal();
    // The next thing to do; else what was fetched anew would leave the focus nowhere.
    (event.target.querySelector("[autofocus]") ?? drawer.querySelector("button")).focus();
  });
})();
