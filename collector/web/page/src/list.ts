// A list of many rows of one height, of which only those in sight are there.

import { el, set } from "./dom.js";

export interface List {
  element: HTMLElement;
  update(count: number): void; // draws all anew
  end(): void;
}

/** Rows are what a list shows. */
export interface Rows {
  height(): number; // of each, in pixels
  render(i: number): HTMLElement;
  open(i: number, key: string): boolean; // whether the key does something there
}

/** list shows rows. It takes the arrow keys: focus moves along the rows, Enter opens. */
export function list(label: string, rows: Rows, role = "list"): List {
  const space = el("div", { className: "space" });
  const box = el("div", { className: "list", role, "aria-label": label, tabindex: "0" }, space);
  let count = 0, at = -1, drawn = new Map<number, HTMLElement>();

  function draw(anew = false): void {
    const height = rows.height();
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 8);
    const last = Math.min(count, Math.ceil((box.scrollTop + (box.clientHeight || 600)) / height) + 8);
    const next = new Map<number, HTMLElement>();
    for (let i = first; i < last; i++) {
      let row = anew ? undefined : drawn.get(i);
      if (!row) {
        row = rows.render(i);
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

  function mark(): void {
    for (const [i, row] of drawn) row.classList.toggle("at", i === at);
  }

  function move(to: number): void {
    const height = rows.height();
    at = Math.max(0, Math.min(count - 1, to));
    if (at * height < box.scrollTop) box.scrollTop = at * height;
    else if ((at + 1) * height > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * height - box.clientHeight;
    draw();
  }

  box.addEventListener("scroll", () => draw(), { passive: true });
  box.addEventListener("keydown", (e) => {
    const page = Math.max(1, Math.floor(box.clientHeight / rows.height()) - 1);
    const to = new Map([["ArrowDown", at + 1], ["ArrowUp", at - 1], ["j", at + 1], ["k", at - 1], ["PageDown", at + page], ["PageUp", at - page], ["Home", 0], ["End", count - 1]]).get(e.key);
    if (to !== undefined) { move(to); e.preventDefault(); } else if (at >= 0 && at < count && rows.open(at, e.key)) e.preventDefault();
  });
  const watch = new ResizeObserver(() => draw());
  watch.observe(box);
  return {
    element: box,
    update(n) { count = n; if (at >= n) at = n - 1; draw(true); },
    end() { watch.disconnect(); },
  };
}
