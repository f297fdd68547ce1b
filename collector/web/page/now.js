// Now: what is wrong, what flows, which links are full, who is silent.

import { api, badge, bar, bits, card, clock, count, el, empty, href, interval, link, percent, set, since, swatch, table, time, words } from "./dom.js";
import { chart, colors } from "./chart.js";
import { flowFilter, flowName } from "./flows.js";

const span = 120_000;
const weights = { critical: 3, warning: 2, info: 1 };

/** grouped joins alerts to the incidents they belong to, the gravest first. */
export function grouped(alerts) {
  const all = new Map();
  for (const a of alerts) {
    const id = a.incident || a.id;
    const g = all.get(id);
    if (!g) all.set(id, { id, lead: a, more: 0 });
    else {
      g.more++;
      if (a.id === id || (g.lead.id !== id && (weights[a.severity] ?? 0) > (weights[g.lead.severity] ?? 0))) g.lead = a;
    }
  }
  return [...all.values()].sort((x, y) => (weights[y.lead.severity] ?? 0) - (weights[x.lead.severity] ?? 0) || Date.parse(y.lead.started) - Date.parse(x.lead.started));
}

const cared = (c) => [c?.ack ? badge("good", `looked after by ${c.ack.by}`) : null, c?.mute ? badge("off", `muted until ${clock(c.mute.until)}`) : null].map((b) => b && [" ", b]);
const affected = (g) => (g.lead.affected ? ` · ${count(g.lead.affected)} affected` : "") + (g.more ? ` · ${g.more} more alerts` : "");

function incidentItem(g) {
  const a = g.lead;
  return el("li", { className: `incident ${a.ended ? "ended" : a.severity}` },
    el("a", { href: href("incident", { id: g.id }) },
      el("span", { className: "line" }, badge(a.ended ? "ended" : a.severity), " ", a.line),
      el("span", { className: "dim" }, `${words(a.kind)} · ${a.state} · since ${clock(a.started)}`,
        a.ended ? ` until ${clock(a.ended)}` : el("span", { className: "age", "data-since": a.started }, ` (${since(a.started)})`), affected(g), cared(a.care))));
}

/** slots gives flows colours that they keep while they are shown. */
function slots() {
  const held = new Map();
  return (names) => {
    for (const n of [...held.keys()]) if (!names.includes(n)) held.delete(n);
    for (const n of names) if (!held.has(n)) held.set(n, colors.findIndex((_, i) => ![...held.values()].includes(i)));
    return held;
  };
}

export function now() {
  const tiles = el("div", { className: "tiles" });
  const open = el("div", {}, empty("Listening…"));
  const ended = el("div", {}, empty("Nothing ended yet."));
  const links = el("div", {}, empty("No interface has told two polls yet.", "Rates need two counter samples of an interface."));
  const silent = el("div", {}, empty("Everybody is heard."));
  const legend = el("div", {});
  const picture = chart("largest flows of the last two minutes", 260);
  const color = slots();
  const seconds = new Map();
  let shown = "", paused = false;

  const keep = (top) => {
    if (!top) return;
    seconds.set(Date.parse(top.to), { total: top.total, flows: new Map((top.items ?? []).map((i) => [flowName(i.key, i.domain), i])) });
    const newest = Math.max(...seconds.keys());
    for (const t of seconds.keys()) if (t < newest - span) seconds.delete(t);
  };

  const draw = () => {
    const times = [...seconds.keys()].sort((a, b) => a - b);
    if (!times.length) return;
    const sums = new Map();
    for (const s of seconds.values()) for (const [n, i] of s.flows) sums.set(n, (sums.get(n) ?? 0) + i.rate);
    const names = [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, colors.length).map(([n]) => n);
    const held = color(names);
    names.sort((a, b) => held.get(a) - held.get(b));
    const at = (n, field) => times.map((t) => seconds.get(t).flows.get(n)?.[field] ?? 0);
    picture.draw({
      times, unit: "bit/s", ago: true, from: times.at(-1) - span, to: times.at(-1), total: times.map((t) => seconds.get(t).total),
      series: names.map((n) => ({ name: n, color: colors[held.get(n)], v: at(n, "rate"), low: at(n, "low"), high: at(n, "high") })),
    });
    const last = seconds.get(times.at(-1)).flows;
    const keys = new Map();
    for (const s of seconds.values()) for (const [n, i] of s.flows) keys.set(n, i.key);
    const rate = (n) => last.get(n)?.rate ?? 0;
    const peak = (n) => Math.max(...at(n, "rate"));
    set(legend, table([["flow"], ["now", "number"], ["95 % interval", "number"], ["peak", "number", "of these two minutes"]], [...names].sort((a, b) => rate(b) - rate(a) || peak(b) - peak(a)).map((n) => {
      const i = last.get(n);
      return [el("span", { className: "flow" }, swatch(colors[held.get(n)]), link("explore", { filter: flowFilter(keys.get(n)), by: "agent,input,output", from: "-15m" }, n)),
        i ? bits(i.rate) : "–", i ? interval(i.low, i.high, "bit/s") : "–", bits(peak(n))];
    })));
  };

  const alerts = (l) => {
    const state = JSON.stringify(l.alerts.map((a) => [a.id, a.at, a.ended, a.care]));
    if (state === shown) {
      for (const e of open.querySelectorAll("[data-since]")) e.textContent = ` (${since(e.dataset.since)})`;
      return;
    }
    shown = state;
    const live = grouped(l.alerts.filter((a) => !a.ended));
    const past = grouped(l.alerts.filter((a) => a.ended)).sort((x, y) => Date.parse(y.lead.ended) - Date.parse(x.lead.ended));
    set(open, live.length ? el("ul", { className: "incidents" }, live.map(incidentItem)) :
      empty("Nothing is wrong.", "Large flows, floods, scans, and bridges, hosts and instances that fail appear here the moment they are certain enough."));
    set(ended, past.length ? el("ul", { className: "incidents small" }, past.slice(0, 8).map(incidentItem)) : empty("Nothing ended yet."));
  };

  const tile = (name, value, note, kind, to) => el(to ? "a" : "div", { className: `tile ${kind ?? ""}`, href: to }, el("span", { className: "value" }, value), el("span", { className: "name" }, name), el("span", { className: "dim" }, note ?? ""));

  const head = (l) => {
    const live = grouped(l.alerts.filter((a) => !a.ended));
    const worst = live[0]?.lead.severity;
    set(tiles,
      tile(live.length === 1 ? "incident open" : "incidents open", live.length, worst ? `the gravest is ${worst}` : "all calm", worst ?? "good"),
      tile("sampled", l.top ? bits(l.top.total) : "–", "now, over all points that sample", "", "#explore"),
      tile(l.agents === 1 ? "agent" : "agents", count(l.agents), l.silent.length ? `${l.silent.length}${l.silent.length >= 20 ? " or more" : ""} silent` : "all heard", l.silent.length ? "warning" : "", "#agents"),
      tile("datagrams/s", count(Math.round(l.datagrams_per_second)), `${percent(l.loss_percent / 100)} lost on the way`, l.loss_percent > 1 ? "warning" : ""),
      l.socket_dropped ? tile("dropped here", count(l.socket_dropped), "this collector is overloaded", "critical") : null);
  };

  const side = (l) => {
    set(links, l.links.length ? el("ul", { className: "plain links" }, l.links.slice(0, 8).map((k) => el("li", {},
      el("span", {}, el("strong", {}, k.name), el("span", { className: "dim" }, ` ${k.agent}`)),
      el("span", { className: "number" }, k.load < 0 ? el("span", { className: "dim", title: "the agent does not tell the interface's speed" }, "speed unknown") : percent(k.load)),
      k.load < 0 ? "" : bar(k.load, `${k.name}: ${percent(k.load)} of ${bits(k.speed)}`),
      el("span", { className: "dim both" }, `in ${bits(k.in)}, out ${bits(k.out)}`)))) :
      empty("No interface has told two polls yet.", "Rates need two counter samples of an interface."));
    set(silent, l.silent.length ? el("ul", { className: "plain" }, l.silent.map((n) => el("li", {}, badge("warning", "silent"), " ", n))) : empty("Everybody is heard.", "An agent that says nothing for a minute is listed here."));
  };

  api("/api/v1/lookback").then((all) => { all?.forEach(keep); draw(); }, () => { /* what is live comes all the same */ });

  const others = [
    card("Largest flows", { className: "wide" }, el("p", { className: "note" }, "Two minutes, summed over the points that sample a flow. Shaded edges are 95 % intervals; grey is all else."), picture.element, legend),
    el("div", { className: "side" }, card("Most loaded links", {}, links), card("Silent agents", {}, silent), card("Ended", {}, ended)),
  ];
  return {
    title: "Now",
    parts: [tiles, card("Open incidents", {}, open), ...others],
    live(l) {
      if (paused) return;
      if (l.scoped) {
        for (const s of others) s.hidden = true;
        set(tiles, tile("incidents open", grouped(l.alerts.filter((a) => !a.ended)).length, `of ${l.scoped.join(", ")}`));
        alerts(l);
        document.body.dataset.shown = "now";
        return;
      }
      head(l);
      alerts(l);
      keep(l.top);
      draw();
      side(l);
      document.body.dataset.shown = "now"; // the first view is complete
    },
    key(k) {
      if (k !== "p") return false;
      paused = !paused;
      tiles.classList.toggle("paused", paused);
      return true;
    },
    end: picture.end,
  };
}
