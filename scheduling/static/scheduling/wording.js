// The placeholders become buttons that put themselves where the cursor stands in the text.
(() => {
  "use strict";
  const names = document.querySelector("[data-insert]");
  const body = names && document.getElementById(names.dataset.insert);
  if (!body || body.readOnly) return;
  for (const code of names.querySelectorAll("dt code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet small";
    button.textContent = code.textContent;
    button.addEventListener("click", () => {
      body.focus();
      body.setRangeText(button.textContent, body.selectionStart, body.selectionEnd, "end");
      body.dispatchEvent(new Event("input", { bubbles: true }));
    });
    code.replaceWith(button);
  }
})();
