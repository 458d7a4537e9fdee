// What was fetched into the drawer is shown in it; Escape and the button close it.
(() => {
  "use strict";
  document.addEventListener("htmx:afterSwap", (event) => {
    const drawer = document.getElementById("why-drawer");
    if (drawer && event.target.id === "why-body" && !drawer.open) {
      drawer.showModal();
    }
  });
})();
