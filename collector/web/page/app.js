// The page of weir: one view at a time, each of which is a URL.

import { api, el, empty, href, me, percent, set } from "./dom.js";

// A view is fetched when it is wanted first.
const views = {
  now: () => import("./now.js").then((m) => m.now),
  incident: () => import("./incident.js").then((m) => m.incident),
  site: () => import("./site.js").then((m) => m.site),
  explore: () => import("./explore.js").then((m) => m.explore),
  agents: () => import("./agents.js").then((m) => m.agents),
  history: () => import("./history.js").then((m) => m.past),
};
const order = ["now", "site", "explore", "agents", "history"];
const main = document.getElementById("view"), pulse = document.getElementById("pulse"), nav = document.getElementById("nav");
let current = { parts: [] }, name = "", stop = new AbortController(), open = 0;

const go = (view, parameters) => { location.hash = href(view, parameters); };

function titled() {
  document.title = `${open ? `(${open}) ` : ""}${current.title ?? "weir"} · weir`;
}

async function route() {
  const [wanted, query] = location.hash.slice(1).split("?", 2);
  const next = Object.hasOwn(views, wanted) ? wanted : "now", parameters = new URLSearchParams(query ?? "");
  if (next === name && current.update?.(parameters)) return;
  const same = next === name, held = same ? document.activeElement?.name : "";
  stop.abort();
  current.end?.();
  stop = new AbortController();
  delete document.body.dataset.shown;
  name = next;
  current = { parts: [] };
  const mine = stop;
  try {
    const view = await views[next]();
    if (mine.signal.aborted) return;
    current = view(parameters, { signal: mine.signal, go });
  } catch (e) {
    if (mine.signal.aborted) return;
    current = { title: "weir", parts: [el("section", { className: "full" }, empty("This view could not be shown.", String(e)))] };
  }
  main.className = next;
  set(main, ...current.parts);
  if (held) main.querySelector(`[name="${CSS.escape(held)}"]`)?.focus();
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

let last = null;

// Who sees some projects alone is told of their alerts, and of nothing else.
async function poll(projects) {
  for (const a of nav.querySelectorAll("a")) a.hidden = !["#now", "#history"].includes(a.getAttribute("href"));
  try {
    last = { scoped: projects, alerts: await api("/api/v1/alerts") };
    pulse.className = "";
    pulse.textContent = `alerts of ${projects.join(", ")}`;
    current.live?.(last);
  } catch {
    pulse.className = "lost";
    pulse.textContent = "weir does not answer; trying again";
  }
  setTimeout(() => poll(projects), 3000);
}

function listen() {
  const live = new EventSource("/api/v1/live");
  live.onmessage = (e) => {
    last = JSON.parse(e.data);
    pulse.className = "";
    pulse.title = `${last.agents} agents, ${percent(last.loss_percent / 100)} of their datagrams lost`;
    pulse.textContent = `${Math.round(last.datagrams_per_second)} datagrams/s from ${last.agents} ${last.agents === 1 ? "agent" : "agents"}`;
    const ids = new Set(last.alerts.filter((a) => !a.ended).map((a) => a.incident || a.id));
    if (ids.size !== open) { open = ids.size; titled(); }
    current.live?.(last);
  };
  live.onerror = () => {
    pulse.className = "lost";
    pulse.textContent = "weir does not answer; trying again";
    if (live.readyState !== EventSource.CLOSED) return;
    me().catch(() => null).then((m) => (m?.projects?.length ? poll(m.projects) : setTimeout(listen, 3000)));
  };
}

const help = document.getElementById("help");
const shortcuts = [["1 … 5", "Now, Site, Explore, Agents, History"], ["/", "to the filter or search of the view"], ["↑ ↓ j k", "along a list; ← → close and open a branch"], ["Enter", "open what is chosen"], ["p", "hold Now still, and go on"], ["t", "light, dark, as the system has it"], ["Backspace", "back"], ["?", "this"], ["Esc", "close"]];

set(help, el("h2", {}, "Keyboard"), el("dl", { className: "keys" }, shortcuts.map(([k, what]) => [el("dt", {}, el("kbd", {}, k)), el("dd", {}, what)])),
  el("h2", {}, "What figures mean"), el("p", {}, "Traffic is estimated from samples: a figure always has its 95 % interval beside it. Where several points see a flow, its figures are those of the one that saw most of it; without a history Now adds up all of them."),
  el("p", { className: "dim" }, "Everything here comes from this weir alone: nothing is fetched from elsewhere."),
  el("form", { method: "dialog" }, el("button", { className: "primary" }, "Close")));
help.querySelector("form").addEventListener("submit", (e) => { e.preventDefault(); help.close(); });
help.addEventListener("click", (e) => { if (e.target === help) help.close(); });

const themes = ["system", "light", "dark"];
function theme(next) {
  const root = document.documentElement;
  let was = "system";
  try { was = localStorage.getItem("theme") ?? "system"; } catch { /* storage is off: the system decides */ }
  const to = next ? themes[(themes.indexOf(was) + 1) % themes.length] : was;
  try { localStorage.setItem("theme", to); } catch { /* as above */ }
  if (to === "light" || to === "dark") root.dataset.theme = to;
  else delete root.dataset.theme;
  document.getElementById("theme").title = `colours: ${to} (t)`;
}

document.getElementById("theme").addEventListener("click", () => theme(true));
document.getElementById("keys").addEventListener("click", () => help.showModal());

window.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
  const typing = e.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing) { if (e.key === "Escape") e.target.blur(); return; }
  const n = Number(e.key);
  if (n >= 1 && n <= order.length) go(order[n - 1], {});
  else if (e.key === "?") help.showModal();
  else if (e.key === "t") theme(true);
  else if (e.key === "Backspace") history.back();
  else if (e.key === "/" && current.focus) { current.focus.focus(); current.focus.select?.(); } else if (!current.key?.(e.key)) return;
  e.preventDefault();
});

window.addEventListener("hashchange", route);
theme(false);
route();
listen();
api("/api/v1/status").then((s) => { document.getElementById("version").textContent = s.version ? `weir ${s.version.split("-")[0]}` : ""; }, () => {});
