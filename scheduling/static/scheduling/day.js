/* The day grid: where it is scrolled to, drawing it anew without disturbing anybody, and moving a visit by
   hand or by keys. Without this script everything is done by links and forms. */
"use strict";
(() => {
  const ROW_MINUTES = 5;
  const DRAG_FROM = 6;
  const ASK_AFTER_MS = 150;
  const says = document.getElementById("says");
  const grid = () => document.getElementById("grid");
  const pane = () => document.querySelector(".pane");
  let moving = null;

  document.documentElement.classList.add("has-script");

  const say = (text, asked) => {
    says.hidden = !text;
    says.textContent = text;
    if (!asked) return;
    const link = document.createElement("a");
    link.href = asked;
    link.textContent = "Why not? (w)";
    says.append(" ", link);
  };

  // --- where one is -------------------------------------------------------------------------------------
  const toNow = () => {
    const now = document.querySelector(".now-at");
    const box = pane();
    if (!now || !box || location.hash) return;
    box.scrollTop = Math.max(0, now.offsetTop - box.clientHeight / 3);
  };

  const place = () => {
    const box = pane();
    const at = document.activeElement;
    const block = at?.closest("[data-visit]");
    const order = block ? [...block.querySelectorAll("a, button")].indexOf(at) : -1;
    const column = block?.closest(".col");
    return {
      top: box?.scrollTop,
      left: box?.scrollLeft,
      onPane: at === box,
      key: block && { visit: block.dataset.visit, order, who: column.dataset.who, room: column.dataset.room },
    };
  };

  const backTo = (was) => {
    const box = pane();
    if (!box) return;
    box.scrollTop = was.top ?? 0;
    box.scrollLeft = was.left ?? 0;
    if (was.onPane) box.focus({ preventScroll: true });
    if (!was.key) return;
    const again = [...box.querySelectorAll(`[data-visit="${was.key.visit}"]`)];
    const same = again.find((one) => one.closest(".col").dataset.who === was.key.who
      && one.closest(".col").dataset.room === was.key.room) ?? again[0];
    const inside = same?.querySelectorAll("a, button") ?? [];
    (inside[was.key.order] ?? inside[0])?.focus({ preventScroll: true });
  };

  // --- drawn anew when others change something ------------------------------------------------------------
  const busy = () => moving !== null
    || document.querySelector("dialog[open]") !== null
    || grid()?.querySelector("select:focus, input:focus, textarea:focus") !== null
    || document.hidden;
  let was = null;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === grid() && busy()) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target !== grid()) return;
    // An answer that came over another page, such as the sign-in, is no grid.
    const path = new URL(event.detail.xhr.responseURL || location.href).pathname;
    if (busy() || path !== location.pathname) event.detail.shouldSwap = false;
    was = event.detail.shouldSwap ? place() : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (was) backTo(was);
    was = null;
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest(".picker")) event.target.form.submit();
  });

  // --- moving -------------------------------------------------------------------------------------------
  const columns = () => [...grid().querySelectorAll(".col")].filter((one) => one.checkVisibility());
  const slotsOf = (column) => column.querySelector(".track");
  const rowsOf = (column) => Number(getComputedStyle(slotsOf(column)).getPropertyValue("--rows"));
  const step = () => Number(grid().dataset.step) / ROW_MINUTES;
  const number = (node, letter) => Number(new RegExp(`\\b${letter}-(\\d+)`).exec(node.className)[1]);
  const clock = (column, row) => {
    const [hours] = column.dataset.begins.split(":").map(Number);
    const minutes = hours * 60 + row * ROW_MINUTES;
    return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  };
  const headOf = (column) => column.querySelector("h2").textContent.trim();

  const begin = (block, byKeys) => {
    const column = block.closest(".col");
    const ghost = document.createElement("div");
    moving = {
      block, ghost, byKeys, column,
      from: column,
      row: number(block, "r") - 1,
      rows: number(block, "s"),
      name: block.querySelector(".name").textContent,
      asked: null,
      timer: 0,
    };
    moving.first = { column, row: moving.row };
    block.classList.add("is-moving");
    ghost.className = "ghost";
    draw();
    if (byKeys) say("Arrows move it, Enter shows what follows, Escape leaves it. Or click a place.");
  };

  const end = () => {
    if (!moving) return;
    clearTimeout(moving.timer);
    moving.asked?.abort();
    moving.ghost.remove();
    moving.block.classList.remove("is-moving");
    moving = null;
  };

  const leave = () => {
    const block = moving?.block;
    end();
    say("");
    block?.querySelector(".name").focus({ preventScroll: true });
  };

  const draw = () => {
    const { ghost, column, row, rows, name } = moving;
    ghost.className = `ghost r-${row + 1} s-${rows}`;
    ghost.textContent = `${clock(column, row)} ${name}`;
    slotsOf(column).append(ghost);
  };

  const address = (path) => {
    const { block, column, from, row } = moving;
    const to = new URL(block.dataset.move, location.href);
    if (path) to.pathname += path;
    to.searchParams.set("start", `${column.dataset.day}T${clock(column, row)}`);
    if (column.dataset.room) to.searchParams.set("room", column.dataset.room);
    if (column.dataset.who) {
      to.searchParams.set("who", column.dataset.who);
      if (from.dataset.who) to.searchParams.set("instead", from.dataset.who);
    }
    return to;
  };

  // --- asking about a place: in the drawer ----------------------------------------------------------------
  const placeOf = (column, row, visit) => {
    const to = new URL(grid().dataset.place, location.href);
    to.searchParams.set("start", `${column.dataset.day}T${clock(column, row)}`);
    if (column.dataset.who) to.searchParams.set("who", column.dataset.who);
    if (column.dataset.room) to.searchParams.set("room", column.dataset.room);
    if (visit) to.searchParams.set("visit", visit);
    return to;
  };

  const show = (to) => htmx.ajax("GET", to.pathname + to.search, { target: "#why-body", swap: "innerHTML" });

  const ask = () => {
    const mine = moving;
    clearTimeout(mine.timer);
    mine.asked?.abort();
    mine.timer = setTimeout(async () => {
      mine.asked = new AbortController();
      try {
        const answer = await fetch(address("fits/"), { signal: mine.asked.signal, headers: { "HX-Request": "true" } });
        if (!answer.ok || moving !== mine) return;
        const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-fit]");
        if (!part || moving !== mine) return;
        mine.ghost.classList.toggle("is-good", part.dataset.fit === "good");
        mine.ghost.classList.toggle("is-bad", part.dataset.fit === "bad");
        const why = part.dataset.fit === "good" || !mine.byKeys ? "" : placeOf(mine.column, mine.row, mine.block.dataset.visit);
        say(`${headOf(mine.column)}, ${clock(mine.column, mine.row)}. ${part.textContent}`, why);
      } catch (error) {
        if (error.name !== "AbortError") say("The server does not answer.");
      }
    }, ASK_AFTER_MS);
  };

  const to = (column, row) => {
    const last = rowsOf(column) - 1;
    const snapped = Math.max(0, Math.min(last, Math.round(row / step()) * step()));
    if (column === moving.column && snapped === moving.row) return;
    Object.assign(moving, { column, row: snapped });
    draw();
    ask();
  };

  const drop = () => {
    const { first, column, row } = moving;
    if (first.column === column && first.row === row) return leave();
    say("What follows is worked out …");
    location.assign(address(""));
    return undefined;
  };

  const under = (x) => columns().find((one) => {
    const box = one.getBoundingClientRect();
    return x >= box.left && x < box.right;
  });

  const rowAt = (column, y) => {
    const box = slotsOf(column).getBoundingClientRect();
    return ((y - box.top) / box.height) * rowsOf(column);
  };

  // --- by hand
  let held = null;
  document.addEventListener("pointerdown", (event) => {
    const block = event.target.closest?.("[data-move]");
    if (!block || event.button !== 0 || event.pointerType === "touch" || event.target.closest("button, .act, .flag")) return;
    held = { block, x: event.clientX, y: event.clientY, grip: event.clientY - block.getBoundingClientRect().top };
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!moving) {
      if (Math.hypot(event.clientX - held.x, event.clientY - held.y) < DRAG_FROM) return;
      begin(held.block, false);
      getSelection()?.removeAllRanges();
    }
    const column = under(event.clientX);
    if (column) to(column, rowAt(column, event.clientY - held.grip));
    const box = pane();
    const edge = box.getBoundingClientRect();
    if (event.clientY > edge.bottom - 24) box.scrollTop += 12;
    else if (event.clientY < edge.top + 72) box.scrollTop -= 12;
    if (event.clientX > edge.right - 24) box.scrollLeft += 12;
    else if (event.clientX < edge.left + 72) box.scrollLeft -= 12;
  });
  let dropped = false;
  document.addEventListener("pointerup", () => {
    const dragged = held && moving && !moving.byKeys;
    held = null;
    if (!dragged) return;
    dropped = true;
    setTimeout(() => { dropped = false; });
    drop();
  });
  document.addEventListener("pointercancel", () => { held = null; leave(); });
  document.addEventListener("dragstart", (event) => { if (event.target.closest?.(".grid")) event.preventDefault(); });

  // --- by Move and a click, or `m`, arrows and Enter
  document.addEventListener("click", (event) => {
    if (dropped) {
      event.preventDefault();
      return;
    }
    const move = event.target.closest?.("[data-moves]");
    if (move && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      end();
      begin(move.closest("[data-move]"), true);
      pane().focus({ preventScroll: true });
      return;
    }
    const column = event.target.closest?.(".col");
    const free = column && event.target.closest(".track") && !event.target.closest(".block");
    if (moving?.byKeys && column && event.target.closest(".track")) {
      event.preventDefault();
      to(column, Math.floor(rowAt(column, event.clientY) / step()) * step());
      drop();
    } else if (free) {
      show(placeOf(column, Math.floor(rowAt(column, event.clientY) / step()) * step()));
    } else if (moving && event.target.closest("#says a")) {
      event.preventDefault();
      show(placeOf(moving.column, moving.row, moving.block.dataset.visit));
    }
  }, true);

  const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (moving) {
      const arrow = ARROWS[event.key];
      if (arrow) {
        const all = columns();
        const next = all[all.indexOf(moving.column) + arrow[0]] ?? moving.column;
        to(next, moving.row + arrow[1] * step());
        moving.ghost.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else if (event.key === "Enter") drop();
      else if (event.key === "Escape") leave();
      else if (event.key === "w") show(placeOf(moving.column, moving.row, moving.block.dataset.visit));
      else return;
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const block = document.activeElement?.closest("[data-move]");
    const off = localStorage.getItem("keys") === "off";
    if (event.key === "m" && block && !off) {
      event.preventDefault();
      event.stopImmediatePropagation();
      begin(block, true);
    } else if (ARROWS[event.key] && document.activeElement === pane()) {
      // The grid itself is scrolled by its arrows; elsewhere they turn the days.
      event.stopImmediatePropagation();
    }
  }, true);

  toNow();
})();
