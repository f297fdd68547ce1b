// The page of weir. What comes from the network is only ever set as text.

import { stacked } from "./chart.js";

/** el makes an element: attributes, then children as elements or text. */
function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) {
    if (v === undefined || v === null) continue;
    if (k === "class") e.className = v;
    else e.setAttribute(k, String(v));
  }
  e.append(...children.map((c) => (c instanceof Node ? c : document.createTextNode(String(c ?? "")))));
  return e;
}

const units = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

function scaled(v, unit) {
  for (const [size, letter] of units) if (Math.abs(v) >= size) return `${(v / size).toPrecision(3)} ${letter}${unit}`;
  return `${Math.round(v)} ${unit}`;
}

const clock = (t) => new Date(t).toLocaleTimeString();

function table(columns, rows) {
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ...columns.map(([name, kind]) => el("th", { class: kind, scope: "col" }, name)))),
    el("tbody", {}, ...rows.map((r) => el("tr", {}, ...r.map((c, i) => el("td", { class: columns[i][1] }, c)))))));
}

const protocols = { 1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP" };

function flowName(key) {
  const at = (a, p) => (p === undefined ? a : a?.includes(":") ? `[${a}]:${p}` : `${a}:${p}`);
  return `${at(key.src, key.src_port)} → ${at(key.dst, key.dst_port)} ${protocols[key.proto] ?? key.proto ?? ""}${key.vni ? ` vni ${key.vni}` : ""}`;
}

function alertItem(a) {
  const severity = a.ended ? "ended" : a.severity;
  return el("li", {},
    el("time", { datetime: a.started, title: a.started }, clock(a.started)),
    el("span", { class: `badge ${severity}` }, a.ended ? "ended" : a.severity), " ", a.line,
    el("details", {}, el("summary", { class: "dim" }, `${a.kind}, ${a.state}, ${a.id}`), el("pre", {}, JSON.stringify(a.alert, null, 2))));
}

const views = {};

views.now = () => {
  const chart = el("div", { id: "chart" });
  const legend = el("div", { id: "legend" });
  const open = el("div", { id: "open" });
  const links = el("div", {});
  const ended = el("div", {});
  const history = [];
  let shown = "";
  return {
    parts: [
      el("section", { "aria-label": "open alerts" }, el("h2", {}, "Open alerts"), open),
      el("section", {}, el("h2", {}, "Largest flows, two minutes, summed over the points that sample them"), chart, legend),
      el("section", { class: "half" }, el("h2", {}, "Most loaded links"), links),
      el("section", { class: "half" }, el("h2", {}, "Ended"), ended),
    ],
    live(l) {
      const state = JSON.stringify(l.alerts.map((a) => [a.id, a.at, a.ended]));
      if (state !== shown) { // so that what somebody opened stays open
        shown = state;
        const now = l.alerts.filter((a) => !a.ended);
        open.replaceChildren(now.length ? el("ul", { class: "alerts" }, ...now.map(alertItem)) : el("p", { class: "dim" }, "None."));
        const past = l.alerts.filter((a) => a.ended).slice(0, 20);
        ended.replaceChildren(past.length ? el("ul", { class: "alerts" }, ...past.map(alertItem)) : el("p", { class: "dim" }, "None yet."));
      }
      history.push({
        at: Date.parse(l.at), total: l.top?.total ?? 0,
        flows: (l.top?.items ?? []).map((i) => ({ name: flowName(i.key), rate: i.rate, low: i.low, high: i.high })),
      });
      while (history.length > 120) history.shift();
      const { picture, names } = stacked(history);
      chart.replaceChildren(picture);
      legend.replaceChildren(table([["flow"], ["now", "number"], ["95 %", "number"]], names.map((n) => [
        el("span", {}, swatch(n.color), n.name), scaled(n.rate, "bit/s"), `${scaled(n.low, "")}– ${scaled(n.high, "bit/s")}`])));
      links.replaceChildren(l.links.length ? table([["agent"], ["interface"], ["in", "number"], ["out", "number"], ["load"]], l.links.map((k) => [
        k.agent, k.name, scaled(k.in, "bit/s"), scaled(k.out, "bit/s"), k.load < 0 ? el("span", { class: "dim" }, "speed unknown") : bar(k.load)])) :
        el("p", { class: "dim" }, "No interface has told two polls yet."));
    },
  };
};

function swatch(color) {
  const s = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  s.setAttribute("class", "swatch");
  s.setAttribute("viewBox", "0 0 8 8");
  const r = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [k, v] of Object.entries({ width: 8, height: 8, fill: color })) r.setAttribute(k, String(v));
  s.append(r);
  return s;
}

function bar(load) {
  const s = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  s.setAttribute("viewBox", "0 0 100 8");
  s.setAttribute("role", "img");
  s.setAttribute("aria-label", `${Math.round(load * 100)} %`);
  for (const [w, fill] of [[100, "var(--line)"], [Math.min(load, 1) * 100, load > 0.9 ? "var(--critical)" : "var(--info)"]]) {
    const r = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [k, v] of Object.entries({ width: w, height: 8, rx: 2, fill })) r.setAttribute(k, String(v));
    s.append(r);
  }
  return s;
}

views.explore = (parameters) => {
  const field = (name, label, value, wide) => {
    const input = el("input", { name, value: parameters.get(name) ?? value, spellcheck: "false", autocomplete: "off" });
    return el("label", { class: wide }, label, input);
  };
  const out = el("section", { id: "answer" }, el("p", { class: "dim" }, "Asks the flow samples on this machine's disk."));
  const form = el("form", { "aria-label": "query" },
    field("filter", "filter, such as: src = 10.0.0.5 and dst_port = 443", "", "wide"),
    field("by", "by columns", "src,dst,proto,dst_port"), field("from", "from", "-15m"), field("to", "to", "now"), field("top", "top", "20"),
    el("button", { type: "submit" }, "Ask"));
  const ask = async () => {
    const q = new URLSearchParams(new FormData(form));
    const hash = `#explore?${q}`;
    if (location.hash !== hash) history.replaceState(null, "", hash); // a view is a URL
    out.replaceChildren(el("p", { class: "dim" }, "reading…"));
    const r = await fetch(`/api/v1/flows?${q}`);
    const body = await r.json().catch(() => ({ problem: `the server answered ${r.status}`, offset: -1 }));
    if (!r.ok) {
      const at = body.offset >= 0 ? `\n${q.get("filter")}\n${" ".repeat(body.offset)}^` : "";
      out.replaceChildren(el("p", { class: "problem" }, body.problem + at));
      return;
    }
    const by = q.get("by").split(",").map((s) => s.trim()).filter((s) => s);
    const most = Math.max(1, ...body.rows.map((x) => x.high));
    out.replaceChildren(
      el("p", { class: "dim" }, `${body.keys} keys, ${scaled(body.total.bytes, "B")} in ${body.total.samples} samples; ${body.scanned} rows of ${body.files} files read`),
      table([...by.map((b) => [b]), ["bytes", "number"], ["95 %", "number"], ["", ""], ["packets", "number"], ["samples", "number"], ["seen at", "number"]],
        body.rows.map((x) => [...(x.key ?? []).map((k) => k || "–"), scaled(x.bytes, "B"), `${scaled(x.low, "")}– ${scaled(x.high, "B")}`,
          bar(x.bytes / most), scaled(x.packets, ""), x.samples, x.points])));
  };
  form.addEventListener("submit", (e) => { e.preventDefault(); ask(); });
  if (parameters.size) ask();
  return { parts: [el("section", {}, form), out] };
};

views.agents = () => {
  const out = el("section", {}, el("p", { class: "dim" }, "asking…"));
  const show = async () => {
    const all = await (await fetch("/api/v1/agents")).json();
    const now = Date.now();
    const sum = (a, f) => (a.sub_agents ?? []).reduce((n, s) => n + f(s.datagrams), 0);
    out.replaceChildren(el("h2", {}, `${all.length} agents`), table(
      [["agent"], ["name"], ["source"], ["interfaces", "number"], ["heard", "number"], ["datagrams", "number"], ["lost", "number"], ["sampling"], ["effective"]],
      all.slice(0, 1000).map((a) => {
        const lost = sum(a, (d) => d.lost), got = sum(a, (d) => d.received);
        const rates = [...new Set((a.sources ?? []).map((s) => s.sampling_rate).filter((r) => r))];
        const real = [...new Set((a.sources ?? []).map((s) => Math.round(s.effective_rate)).filter((r) => r))];
        return [a.agent + (a.contested ? " *" : ""), a.name ?? "", a.source, (a.interfaces ?? []).length,
          `${((now - Date.parse(a.last_heard)) / 1000).toFixed(0)} s ago`, got, got + lost ? `${((100 * lost) / (got + lost)).toFixed(1)} %` : "–",
          rates.map((r) => `1:${r}`).slice(0, 3).join(" "), real.map((r) => `1:${r}`).slice(0, 3).join(" ")];
      })));
  };
  show();
  const timer = setInterval(show, 5000);
  return { parts: [out], end: () => clearInterval(timer) };
};

let current = { parts: [] };

function route() {
  const [name, query] = location.hash.slice(1).split("?", 2);
  const make = views[name] ?? views.now;
  current.end?.();
  current = make(new URLSearchParams(query ?? ""));
  document.getElementById("view").replaceChildren(...current.parts);
  for (const a of document.querySelectorAll("#nav a")) {
    if (a.getAttribute("href") === `#${views[name] ? name : "now"}`) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

const pulse = document.getElementById("pulse");
const live = new EventSource("/api/v1/live");
live.onmessage = (e) => {
  const l = JSON.parse(e.data);
  pulse.classList.remove("lost");
  const silent = l.silent.length ? `, silent: ${l.silent.slice(0, 3).join(", ")}` : "";
  pulse.textContent = `${Math.round(l.datagrams_per_second)} datagrams/s from ${l.agents} agents, ${l.loss_percent.toFixed(1)} % lost${silent}`;
  current.live?.(l);
};
live.onerror = () => { pulse.textContent = "weir does not answer; trying again"; pulse.classList.add("lost"); };

window.addEventListener("hashchange", route);
route();
