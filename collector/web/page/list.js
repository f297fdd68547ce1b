// A list of many rows of one height, of which only those in sight are there.

import { el, set } from "./dom.js";

/**
 * list shows rows, made by render(i). It takes the arrow keys: focus moves along
 * the rows, Enter opens.
 */
export function list(label, height, render, open, role = "list") {
  const space = el("div", { className: "space" });
  const box = el("div", { className: "list", role, "aria-label": label, tabindex: "0" }, space);
  let count = 0, at = -1, drawn = new Map();

  function draw(anew) {
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 8);
    const last = Math.min(count, Math.ceil((box.scrollTop + (box.clientHeight || 600)) / height) + 8);
    const next = new Map();
    for (let i = first; i < last; i++) {
      let row = anew ? null : drawn.get(i);
      if (!row) {
        row = render(i);
        row.classList.add("row");
        row.style.top = `${i * height}px`;
        row.style.height = `${height}px`;
        row.addEventListener("click", () => { at = i; mark(); });
      }
      next.set(i, row);
    }
    drawn = next;
    space.style.height = `${count * height}px`;
    set(space, ...next.values());
    mark();
  }

  function mark() {
    for (const [i, row] of drawn) row.classList.toggle("at", i === at);
  }

  function move(to) {
    at = Math.max(0, Math.min(count - 1, to));
    if (at * height < box.scrollTop) box.scrollTop = at * height;
    else if ((at + 1) * height > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * height - box.clientHeight;
    draw();
  }

  box.addEventListener("scroll", () => draw(), { passive: true });
  box.addEventListener("keydown", (e) => {
    const page = Math.max(1, Math.floor(box.clientHeight / height) - 1);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 }[e.key];
    if (to !== undefined) { move(to); e.preventDefault(); } else if (at >= 0 && at < count && open?.(at, e.key)) e.preventDefault();
  });
  const watch = new ResizeObserver(() => draw());
  watch.observe(box);
  return {
    element: box,
    get at() { return at; },
    update(n) { count = n; if (at >= n) at = n - 1; draw(true); },
    move,
    end() { watch.disconnect(); },
  };
}
