/* What every page for staff shares: keys, one send a form, and signing in again over a form that stands open.
   Without a script each page works as it is; nothing here keeps anything of a patient. */
"use strict";
(() => {
  const SEQUENCE_MS = 1200;

  // --- keys ---------------------------------------------------------------------------------------------
  // A link, button or field says its own key: data-key="g d". The sheet of keys is made of them.
  const off = () => localStorage.getItem("keys") === "off";
  const typing = (node) => node.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(node.tagName);
  const sheet = document.getElementById("keys");
  let before = "";
  let pressed = 0;

  const marked = () => [...document.querySelectorAll("[data-key]")].filter((node) => node.checkVisibility());

  const use = (node) => {
    if (typing(node)) node.focus();
    else node.click();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (off() || typing(event.target) || document.querySelector("dialog:modal")) return;
    const now = Date.now();
    const first = now - pressed < SEQUENCE_MS ? before : "";
    const found = marked().find((node) => node.dataset.key === `${first} ${event.key}`)
      ?? marked().find((node) => node.dataset.key === event.key);
    [before, pressed] = found ? ["", 0] : [event.key, now];
    if (!found) return;
    event.preventDefault();
    use(found);
  });

  const listKeys = () => {
    const list = sheet.querySelector("dl");
    list.replaceChildren(...marked().flatMap((node) => {
      const key = document.createElement("dt");
      key.append(...node.dataset.key.split(" ").map((one) => {
        const cap = document.createElement("kbd");
        cap.textContent = one;
        return cap;
      }));
      const what = document.createElement("dd");
      what.textContent = node.dataset.keyLabel ?? node.textContent.trim();
      return [key, what];
    }));
  };

  if (sheet) {
    const button = document.getElementById("keys-open");
    button.hidden = false;
    button.addEventListener("click", () => { listKeys(); sheet.showModal(); });
    const choice = sheet.querySelector("[name=keys]");
    choice.checked = !off();
    choice.addEventListener("change", () => localStorage.setItem("keys", choice.checked ? "on" : "off"));
  }

  // --- the search above: its answers go when somebody turns to something else ----------------------------
  const answers = document.getElementById("finds");
  if (answers) {
    const away = (event) => { if (!event.target.closest(".find")) answers.replaceChildren(); };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target.closest(".find")) answers.replaceChildren();
    });
  }

  // --- a session that ended while a form stood open -----------------------------------------------------
  const again = document.getElementById("again");
  const me = document.body.dataset.me;

  const session = async () => {
    const answer = await fetch(again.dataset.session, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("no answer");
    return answer.json();
  };

  const renew = (token) => {
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
  };

  /* The page of one step of the sign-in, in the dialog: its forms as they are, its scripts left out. */
  const showStep = (html, place) => {
    const found = new DOMParser().parseFromString(html, "text/html");
    const forms = [...found.querySelectorAll("main form")].filter((form) => form.querySelector("input:not([type=hidden])"));
    for (const node of found.querySelectorAll("script, button[type=button]")) node.remove();
    place.replaceChildren(...forms.map((form) => document.adoptNode(form)));
    place.querySelector("input:not([type=hidden])")?.focus();
  };

  const signIn = () => new Promise((resolve) => {
    const place = again.querySelector("[data-step]");
    const told = again.querySelector("[role=alert]");
    const finish = (value) => {
      again.close();
      place.replaceChildren();
      resolve(value);
    };
    const check = async () => {
      const { who, token } = await session();
      if (!who) return false;
      if (who !== me) {
        told.textContent = "Somebody else signed in here. Copy what you typed and load the page again.";
        return true;
      }
      renew(token);
      finish(true);
      return true;
    };
    const step = async (address, options) => {
      const answer = await fetch(address, options);
      if (!(await check())) showStep(await answer.text(), place);
    };
    place.onsubmit = (event) => {
      event.preventDefault();
      event.stopPropagation();
      const form = event.target;
      told.textContent = "";
      step(form.action, { method: "POST", body: new FormData(form) }).catch(() => {
        told.textContent = "The server does not answer. Try again.";
      });
    };
    again.querySelector("[data-check]").onclick = () => check();
    again.oncancel = () => finish(false);
    told.textContent = "";
    again.showModal();
    step(again.dataset.signIn).catch(() => {
      told.textContent = "The server does not answer. Try again.";
    });
  });

  /* True when this person is signed in here, or just signed in again. */
  const ready = async () => {
    try {
      const { who, token } = await session();
      if (who === me) {
        renew(token);
        return true;
      }
    } catch {
      return true; // Without an answer the form goes as it would without this script.
    }
    return signIn();
  };

  // --- one send a form ----------------------------------------------------------------------------------
  const sent = new WeakSet();
  const checked = new WeakSet();
  const SLOW_MS = 700;

  /* The button that was pressed is busy until the next page is there; whoever waits is told. */
  const wait = (form, submitter) => {
    const button = submitter ?? form.querySelector("[type=submit]");
    const told = document.createElement("p");
    told.className = "notice tone-info";
    told.textContent = "Sending…";
    const late = setTimeout(() => {
      if (!again.open) document.querySelector(".notices")?.append(told);
    }, SLOW_MS);
    button?.setAttribute("aria-busy", "true");
    return () => {
      clearTimeout(late);
      told.remove();
      button?.removeAttribute("aria-busy");
    };
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!again || form.method !== "post" || again.contains(form) || form.matches(".out, [hx-post]")) return;
    if (checked.delete(form)) {
      sent.add(form);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (sent.has(form)) return;
    sent.add(form);
    const over = wait(form, event.submitter);
    const may = await ready();
    sent.delete(form);
    if (!may) {
      over();
      return;
    }
    checked.add(form);
    form.requestSubmit(event.submitter);
  }, true);

  // htmx notes the page that it is at, for a history that is switched off; nothing of a visit stays behind.
  const forget = () => sessionStorage.removeItem("htmx-current-path-for-history");
  window.addEventListener("load", forget);
  window.addEventListener("pagehide", forget);

  // A page that comes back by the back button may send its forms again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  // htmx asks in the background; a session that ended answers 401 and changes nothing on the page.
  document.body.addEventListener("htmx:responseError", async (event) => {
    if (event.detail.xhr.status !== 401 || again?.open) return;
    const asked = event.detail.elt;
    if (asked.closest("[data-background]")) return;
    if ((await ready()) && asked.tagName === "FORM") asked.requestSubmit();
  });
})();
