// The page of weir: one view at a time, each of which is a URL.

import { agents } from "./agents";
import type { Streams } from "./api";
import { get, me } from "./ask";
import { el, empty, href, many, percent, set } from "./dom";
import type { Query } from "./dom";
import { explore } from "./explore";
import { past } from "./history";
import { incident } from "./incident";
import { now } from "./now";
import { site } from "./site";
import type { Context, Told, View } from "./view";

const views = new Map<string, (parameters: URLSearchParams, context: Context) => View>([
  ["now", now], ["incident", incident], ["site", site], ["explore", explore], ["agents", agents], ["history", past],
]);
const order = ["now", "site", "explore", "agents", "history"];

/** part is an element of index.html. */
function part<E extends HTMLElement>(id: string, kind: new () => E): E {
  const e = document.getElementById(id);
  if (!(e instanceof kind)) throw new Error(`index.html has no ${id}`);
  return e;
}

const main = part("view", HTMLElement), pulse = part("pulse", HTMLParagraphElement), nav = part("nav", HTMLElement), help = part("help", HTMLDialogElement);
let current: View = { title: "weir", parts: [] }, name = "", stop = new AbortController(), open = 0, last: Told | null = null;

const go = (view: string, parameters: Query): void => { location.hash = href(view, parameters); };

function titled(): void {
  document.title = `${open ? `(${open}) ` : ""}${current.title} · weir`;
}

function route(): void {
  help.close(); // it is of the view that was
  const [, wanted = "", query = ""] = /^#?([^?]*)\??(.*)$/.exec(location.hash) ?? [];
  const next = views.has(wanted) ? wanted : "now", parameters = new URLSearchParams(query);
  if (next === name && current.update?.(parameters)) return;
  const same = next === name, held = same ? document.activeElement?.getAttribute("name") : null;
  stop.abort();
  current.end?.();
  stop = new AbortController();
  delete document.body.dataset.shown;
  name = next;
  try {
    current = (views.get(next) ?? now)(parameters, { signal: stop.signal, go });
  } catch (e) {
    current = { title: "weir", parts: [el("section", { className: "full" }, empty("This view could not be shown.", String(e)))] };
  }
  main.className = next;
  set(main, ...current.parts);
  if (held) main.querySelector<HTMLElement>(`[name="${CSS.escape(held)}"]`)?.focus();
  else if (!same) window.scrollTo(0, 0);
  for (const a of nav.querySelectorAll("a")) {
    if (a.getAttribute("href") === `#${next === "incident" ? "now" : next}`) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  titled();
  if (last) current.live?.(last);
}

// When a view has all that it shows first, that is noted for those who measure.
new MutationObserver(() => { if (document.body.dataset.shown) performance.mark(`shown ${document.body.dataset.shown}`); }).observe(document.body, { attributes: true, attributeFilter: ["data-shown"] });

/** told hands on what goes on. */
function told(l: Told): void {
  last = l;
  pulse.className = "";
  pulse.textContent = l.scoped ? `alerts of ${l.scoped.join(", ")}` : `${Math.round(l.datagrams_per_second)} datagrams/s from ${many(l.agents, "agent")}`;
  if (!l.scoped) pulse.title = `${many(l.agents, "agent")}, ${percent(l.loss_percent / 100)} of their datagrams lost`;
  open = l.scoped ? new Set(l.alerts.filter((a) => !a.ended).map((a) => a.incident || a.id)).size : l.incidents_open;
  titled();
  current.live?.(l);
}

function lost(): void {
  pulse.className = "lost";
  pulse.textContent = "weir does not answer; trying again";
}

// Who sees some projects alone is told of their alerts, and of nothing else.
async function poll(projects: readonly string[]): Promise<void> {
  for (const a of nav.querySelectorAll("a")) a.hidden = !["#now", "#history"].includes(a.getAttribute("href") ?? "");
  await get("/api/v1/alerts", {}).then((alerts) => told({ scoped: projects, alerts }), lost);
  setTimeout(() => void poll(projects), 3000);
}

function listen(): void {
  const path: keyof Streams = "/api/v1/live", live = new EventSource(path);
  live.onmessage = (e: MessageEvent<string>) => told(JSON.parse(e.data) as Streams[typeof path]["answer"]);
  live.onerror = () => {
    lost();
    if (live.readyState !== EventSource.CLOSED) return;
    void me().catch(() => null).then((m) => (m?.projects?.length ? void poll(m.projects) : setTimeout(listen, 3000)));
  };
}

const shortcuts = [["1 … 5", "Now, Site, Explore, Agents, History"], ["/", "to the filter or search of the view"], ["↑ ↓ j k", "along a list; ← → close and open a branch"], ["Enter", "open what is chosen"], ["p", "hold Now still, and go on"], ["t", "light, dark, as the system has it"], ["Backspace", "back"], ["?", "this"], ["Esc", "close"]];

set(help, el("h2", {}, "Keyboard"), el("dl", { className: "keys" }, shortcuts.map(([k, what]) => [el("dt", {}, el("kbd", {}, k)), el("dd", {}, what)])),
  el("h2", {}, "What figures mean"), el("p", {}, "Traffic is estimated from samples: a figure always has its 95 % interval beside it. Where several points see a flow, its figures are those of the one that saw most of it; without a history Now adds up all of them."),
  el("p", { className: "dim" }, "Everything here comes from this weir alone: nothing is fetched from elsewhere."),
  el("form", { method: "dialog", onsubmit: (e) => { e.preventDefault(); help.close(); } }, el("button", { className: "primary" }, "Close")));
help.addEventListener("click", (e) => { if (e.target === help) help.close(); });

const themes = ["system", "light", "dark"], colours = part("theme", HTMLButtonElement);
function theme(next: boolean): void {
  const root = document.documentElement;
  let was = "system";
  try { was = localStorage.getItem("theme") ?? "system"; } catch { /* storage is off: the system decides */ }
  const to = (next ? themes[(themes.indexOf(was) + 1) % themes.length] : was) ?? "system";
  try { localStorage.setItem("theme", to); } catch { /* as above */ }
  if (to === "light" || to === "dark") root.dataset.theme = to;
  else delete root.dataset.theme;
  colours.title = `colours: ${to} (t)`;
}

colours.addEventListener("click", () => theme(true));
part("keys", HTMLButtonElement).addEventListener("click", () => help.showModal());

window.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
  const at = e.target instanceof HTMLElement ? e.target : null;
  if (at?.closest("input, textarea, select, [contenteditable]")) { if (e.key === "Escape") at.blur(); return; }
  const view = /^[1-9]$/.test(e.key) ? order[Number(e.key) - 1] : undefined;
  if (view) go(view, {});
  else if (e.key === "?") help.showModal();
  else if (e.key === "t") theme(true);
  else if (e.key === "Backspace") history.back();
  else if (e.key === "/" && current.focus) { current.focus.focus(); current.focus.select(); } else if (!current.key?.(e.key)) return;
  e.preventDefault();
});

window.addEventListener("hashchange", route);
theme(false);
route();
listen();
get("/api/v1/status", {}).then((s) => { part("version", HTMLSpanElement).textContent = s.version ? `weir ${s.version.replace(/-.*/s, "")}` : ""; }, () => { /* the footer stays empty */ });
