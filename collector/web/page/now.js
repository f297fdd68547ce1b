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

export function now(_, { signal }) {
  const tiles = el("div", { className: "tiles" });
  const open = el("div", {}, empty("Listening…"));
  const ended = el("div", {}, empty("Nothing ended yet."));
  const links = el("div", {}, empty("No interface has told two polls yet.", "Rates need two counter samples of an interface."));
  const silent = el("div", {}, empty("Everybody is heard."));
  const planned = card("Planned work", { hidden: true });
  const legend = el("div", {}), note = el("p", { className: "note" });
  const picture = chart("largest flows of the last two minutes", 260);
  const color = slots();
  const seconds = new Map();
  let shown = "", paused = false;

  // What is live is summed over the points that sample a flow. Where there is a
  // history it tells each flow as the one point does that saw most of it.
  const keep = (top) => {
    if (!top) return;
    seconds.set(Date.parse(top.to), { total: top.total, flows: new Map((top.items ?? []).map((i) => [flowName(i.key, i.domain), i])) });
    const newest = Math.max(...seconds.keys());
    for (const t of seconds.keys()) if (t < newest - span) seconds.delete(t);
  };

  const live = () => {
    const times = [...seconds.keys()].sort((a, b) => a - b), flows = new Map();
    times.forEach((t, i) => {
      for (const [name, f] of seconds.get(t).flows) {
        if (!flows.has(name)) flows.set(name, { name, key: f.key, v: times.map(() => 0), low: times.map(() => 0), high: times.map(() => 0) });
        const one = flows.get(name);
        [one.v[i], one.low[i], one.high[i]] = [f.rate, f.low, f.high];
      }
    });
    return { times, flows: [...flows.values()], total: times.map((t) => seconds.get(t).total) };
  };

  const told = (r) => {
    const from = Date.parse(r.from), n = Math.round((Date.parse(r.to) - from) / 1000 / r.step), flows = new Map();
    const times = Array.from({ length: n }, (_, i) => from + (i + 1) * r.step * 1000);
    for (const row of r.rows) {
      const [src, dst, proto, src_port, dst_port] = row.key, key = { src, dst, proto: Number(proto), src_port, dst_port }, name = flowName(key);
      if (row.step >= n) continue;
      if (!flows.has(name)) flows.set(name, { name, key, v: times.map(() => 0), low: times.map(() => 0), high: times.map(() => 0) });
      const one = flows.get(name);
      [one.v[row.step], one.low[row.step], one.high[row.step]] = [row.bytes, row.low, row.high].map((x) => 8 * x / r.step);
    }
    // Nothing was sampled before the first of them: weir began there.
    const all = [...flows.values()], first = times.findIndex((_, i) => all.some((f) => f.v[i] > 0));
    for (const f of all) for (const field of ["v", "low", "high"]) f[field] = f[field].slice(Math.max(first, 0));
    const rest = times.slice(Math.max(first, 0));
    return { times: rest, flows: all, total: rest.map((_, i) => all.reduce((sum, f) => sum + f.v[i], 0)) };
  };

  const draw = ({ times, flows, total }) => {
    if (!times.length) return;
    const sum = (f) => f.v.reduce((a, b) => a + b, 0), last = times.length - 1, peak = (f) => Math.max(...f.v);
    const score = (f) => sum(f) + 10 * f.v[last]; // what goes on counts more than what was
    const most = [...flows].sort((a, b) => score(b) - score(a) || (a.name < b.name ? -1 : 1)).slice(0, colors.length);
    const held = color(most.map((f) => f.name));
    most.sort((a, b) => held.get(a.name) - held.get(b.name));
    picture.draw({ times, unit: "bit/s", ago: true, from: times[last] - span, to: times[last], total, series: most.map((f) => ({ ...f, color: colors[held.get(f.name)] })) });
    set(legend, table([["flow"], ["now", "number"], ["95 % interval", "number"], ["peak", "number", "of these two minutes"]], [...most].sort((a, b) => b.v[last] - a.v[last] || peak(b) - peak(a)).map((f) => [
      el("span", { className: "flow" }, swatch(colors[held.get(f.name)]), link("explore", { filter: flowFilter(f.key), by: "agent,input,output", from: "-15m" }, f.name)),
      f.v[last] ? bits(f.v[last]) : "–", f.v[last] ? interval(f.low[last], f.high[last], "bit/s") : "–", bits(peak(f))])));
    largest = Math.max(0, ...flows.map((f) => f.v[last]));
  };

  let largest = 0, history = null;
  const look = async () => {
    if (paused || document.hidden) return;
    const r = await api("/api/v1/lookback/flows", { signal }).catch(() => null);
    history = Boolean(r?.rows);
    set(note, history ? "Two minutes, each flow as the one point tells that saw most of it. Shaded edges are 95 % intervals; grey are further flows." :
      "Two minutes, summed over the points that sample a flow. Shaded edges are 95 % intervals; grey is all else.");
    if (history) draw(told(r));
    else draw(live());
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
      tile("largest flow", largest ? bits(largest) : "–", "now, by its samples", "", "#explore"),
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

  // What is announced says why something may be quiet.
  const plans = () => api("/api/v1/windows", { signal }).then((all) => {
    const now = Date.now(), soon = (all ?? []).filter((w) => Date.parse(w.to) > now && Date.parse(w.from) < now + 86_400_000).sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
    planned.hidden = !soon.length;
    set(planned, el("h2", {}, "Planned work"), el("ul", { className: "plain" }, soon.slice(0, 8).map((w) => el("li", {}, badge(Date.parse(w.from) <= now ? "warning" : "info", Date.parse(w.from) <= now ? "now" : "soon"), " ", el("strong", {}, w.subject),
      ` ${w.reason}`, el("span", { className: "dim" }, ` · ${w.owner}, ${clock(w.from)} to ${clock(w.to)}`)))), soon.length > 8 ? el("p", { className: "note" }, `${count(soon.length - 8)} more.`) : null);
  }, () => {});
  plans();
  const planning = setInterval(() => { if (!document.hidden) plans(); }, 30_000);
  api("/api/v1/lookback", { signal }).then((all) => all?.forEach(keep), () => { /* what is live comes all the same */ }).then(look);
  const timer = setInterval(look, 2000);

  const others = [
    card("Largest flows", { className: "wide" }, note, picture.element, legend),
    el("div", { className: "side" }, card("Most loaded links", {}, links), card("Silent agents", {}, silent), planned, card("Ended", {}, ended)),
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
      if (history === false) draw(live());
      side(l);
      document.body.dataset.shown = "now"; // the first view is complete
    },
    key(k) {
      if (k !== "p") return false;
      paused = !paused;
      tiles.classList.toggle("paused", paused);
      return true;
    },
    end() { clearInterval(timer); clearInterval(planning); picture.end(); },
  };
}
