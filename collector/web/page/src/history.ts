// History: every change of every alert that is kept.

import type { store } from "./api";
import { aborted, get } from "./ask";
import { badge, card, el, empty, link, many, problem, set, svg, table, time, words } from "./dom";
import type { Child } from "./dom";
import { moment, timeInput } from "./explore";
import type { Context, View } from "./view";

const spans = [["1 h", "-1h"], ["24 h", "-1d"], ["7 d", "-7d"], ["30 d", "-30d"], ["1 year", "-365d"]] as const;
const severities = ["info", "warning", "critical"] as const;

/** picture shows when alerts began, by severity. */
function picture(all: readonly store.AlertChange[], from: number, to: number): Child {
  const slots = 60, per = (to - from) / slots;
  const bars = Array.from({ length: slots }, () => ({ critical: 0, warning: 0, info: 0 }));
  for (const a of all) {
    const bar = bars[Math.floor((Date.parse(a.at) - from) / per)], severity = severities.find((x) => x === a.severity);
    if (a.change === "start" && bar && severity) bar[severity]++;
  }
  const most = Math.max(1, ...bars.map((b) => b.critical + b.warning + b.info));
  const s = svg("svg", { class: "strip", viewBox: "0 0 600 48", preserveAspectRatio: "none", role: "img", "aria-label": "alerts that began, over time" });
  bars.forEach((b, i) => {
    let y = 48;
    for (const severity of severities) {
      const h = (44 * b[severity]) / most;
      if (h) s.append(svg("rect", { class: severity, x: i * 10 + 1, width: 8, y: y -= h, height: h }));
    }
  });
  return s;
}

type Option = readonly [value: string, text: string];

export function past(parameters: URLSearchParams, { signal, go }: Context): View {
  const value = (n: string, other = ""): string => parameters.get(n) ?? other;
  const pick = (name: string, first: Option, ...more: readonly Option[]): HTMLSelectElement => el("select", { name, onchange: () => form.requestSubmit() },
    [first, ...more].map(([v, text]) => el("option", { value: v || "all", selected: (v || "all") === value(name, first[0] || "all") }, text)));
  const kind: HTMLSelectElement = el("select", { name: "kind", onchange: () => form.requestSubmit() }, el("option", { value: "" }, "all kinds"), value("kind") ? el("option", { value: value("kind"), selected: true }, words(value("kind"))) : null);
  const subject = el("input", { name: "subject", type: "search", value: value("subject"), placeholder: "name, address, project", spellcheck: "false" });
  const from = timeInput("from", value("from", "-1d")), to = timeInput("to", value("to", "now"));
  const severity = pick("severity", ["", "any severity"], ["critical", "critical"], ["critical,warning", "warning and worse"], ["info", "info"]);
  const change = pick("change", ["start,end", "beginnings and ends"], ["", "every change"], ["start", "beginnings"], ["end", "ends"]);
  const every = (v: string): string => (v === "all" ? "" : v);
  const current = () => ({ subject: subject.value.trim(), kind: kind.value, severity: severity.value, change: change.value, from: from.value.trim(), to: to.value.trim() });
  const form: HTMLFormElement = el("form", { "aria-label": "alerts", onsubmit: (e) => { e.preventDefault(); go("history", current()); } },
    el("label", { className: "wide" }, "about", subject), el("label", {}, "kind", kind), el("label", {}, "severity", severity), el("label", {}, "change", change), el("label", {}, "from", from), el("label", {}, "to", to),
    el("button", { type: "submit", className: "primary" }, "Show"));
  const chips = el("div", { className: "chips", role: "group", "aria-label": "time range" }, spans.map(([text, v]) => el("button", { type: "button", className: "chip", "aria-pressed": String(from.value === v && to.value === "now"), onclick: () => go("history", { ...current(), from: v, to: "now" }) }, text)));
  const out = el("div", {}, empty("Reading…"));

  const ask = async (): Promise<void> => {
    const q = current();
    try {
      const a = await get("/api/v1/alerts/history", { ...q, severity: every(q.severity), change: every(q.change), limit: 1000 }, signal);
      const all = [...a.alerts].reverse();
      const kinds = new Set([...(a.kinds ?? []), ...all.map((x) => x.kind)]);
      for (const k of [...kinds].sort()) if (![...kind.options].some((o) => o.value === k)) kind.append(el("option", { value: k }, words(k)));
      document.body.dataset.shown = "history";
      if (!all.length) { set(out, empty("No alert fits.", a.kinds?.length ? `History has ${a.kinds.map(words).join(", ")}.` : "Nothing was told in that time.")); return; }
      set(out, picture(all, moment(from.value), moment(to.value)),
        el("p", { className: "note" }, `${many(all.length, "change")}${a.older ? ", the newest; there are older ones: narrow the time" : ""}`),
        table([["time", "number"], ["severity"], ["change", "one"], ["kind", "one"], ["alert", "long"]], all.map((x) => [
          time(x.at, true), badge(x.change === "end" ? "ended" : x.severity, x.severity), x.change + (x.reason ? ` (${words(x.reason)})` : ""), words(x.kind), link("incident", { id: x.incident || x.id }, x.line)])));
    } catch (e) {
      if (!aborted(e)) set(out, problem(e));
    }
  };
  void ask();
  return { title: "History", parts: [card("", { className: "full asking" }, form, el("div", { className: "under" }, chips)), card("Alerts", { className: "full" }, out)], focus: subject };
}
