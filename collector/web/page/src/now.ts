// Now: what is wrong, what flows, which links are full, who is silent.

import type { care, detect, web } from "./api";
import { get } from "./ask";
import { chart, colors } from "./chart";
import { badge, bar, bits, card, clock, count, el, empty, href, interval, link, many, percent, set, since, swatch, table, words } from "./dom";
import type { Child } from "./dom";
import { flowFilter, flowName } from "./flows";
import type { Key } from "./flows";
import type { Context, View } from "./view";

const span = 120_000;
const weights = new Map([["critical", 3], ["warning", 2], ["info", 1]]);
const weight = (a: web.AlertView): number => weights.get(a.severity) ?? 0;

/** Group is an incident by the alerts of it. */
interface Group { id: string; lead: web.AlertView; more: number }

/** grouped joins alerts to the incidents they belong to, the gravest first. */
function grouped(alerts: readonly web.AlertView[]): Group[] {
  const all = new Map<string, Group>();
  for (const a of alerts) {
    const id = a.incident || a.id, g = all.get(id);
    if (!g) all.set(id, { id, lead: a, more: 0 });
    else {
      g.more++;
      if (a.id === id || (g.lead.id !== id && weight(a) > weight(g.lead))) g.lead = a;
    }
  }
  return [...all.values()].sort((x, y) => weight(y.lead) - weight(x.lead) || Date.parse(y.lead.started) - Date.parse(x.lead.started));
}

const ongoing = (alerts: readonly web.AlertView[]): Group[] => grouped(alerts.filter((a) => !a.ended));
const cared = (c?: care.Care): Child => [c?.ack ? badge("good", `looked after by ${c.ack.by}`) : null, c?.mute ? badge("off", `muted until ${clock(c.mute.until)}`) : null].map((b) => b && [" ", b]);
const affected = (g: Group): string => (g.lead.affected ? ` · ${count(g.lead.affected)} affected` : "") + (g.more ? ` · ${many(g.more, "more alert")}` : "");

function incidentItem(g: Group): Child {
  const a = g.lead;
  return el("li", { className: `incident ${a.ended ? "ended" : a.severity}` },
    el("a", { href: href("incident", { id: g.id }) },
      el("span", { className: "line" }, badge(a.ended ? "ended" : a.severity), " ", a.line),
      el("span", { className: "dim" }, `${words(a.kind)} · ${a.state} · since ${clock(a.started)}`,
        a.ended ? ` until ${clock(a.ended)}` : el("span", { className: "age", "data-since": a.started }, ` (${since(a.started)})`), affected(g), cared(a.care))));
}

/** slots gives flows colours that they keep while they are shown. */
function slots(): (names: readonly string[]) => ReadonlyMap<string, number> {
  const held = new Map<string, number>();
  return (names) => {
    for (const n of [...held.keys()]) if (!names.includes(n)) held.delete(n);
    for (const n of names) if (!held.has(n)) held.set(n, colors.findIndex((_, i) => ![...held.values()].includes(i)));
    return held;
  };
}

/** Flow is one over the times that are shown. */
interface Flow { name: string; key: Key; v: number[]; low: number[]; high: number[] }

/** Shown are flows over times, which are ms, and what there was in all. */
interface Shown { times: number[]; flows: Flow[]; total: number[] }

/** Flows are made as they are found, without traffic. */
class Flows {
  readonly all = new Map<string, Flow>();
  constructor(private readonly times: readonly number[]) {}

  put(name: string, key: Key, at: number, v: number, low: number, high: number): void {
    const none = (): number[] => this.times.map(() => 0);
    const one = this.all.get(name) ?? { name, key, v: none(), low: none(), high: none() };
    this.all.set(name, one);
    one.v[at] = v;
    one.low[at] = low;
    one.high[at] = high;
  }
}

/** recent are the flows that history tells. */
function recent(r: web.Recent): Shown {
  const from = Date.parse(r.from), n = Math.round((Date.parse(r.to) - from) / 1000 / r.step), rate = 8 / r.step;
  const times = Array.from({ length: n }, (_, i) => from + (i + 1) * r.step * 1000), flows = new Flows(times);
  for (const { key: [src, dst, proto, src_port, dst_port], step, bytes, low, high } of r.rows) {
    const key = { src, dst, proto, src_port, dst_port };
    if (step < n) flows.put(flowName(key), key, step, rate * bytes, rate * low, rate * high);
  }
  // Nothing was sampled before the first of them: weir began there.
  const all = [...flows.all.values()], first = Math.max(0, times.findIndex((_, i) => all.some((f) => (f.v[i] ?? 0) > 0)));
  const cut = all.map((f) => ({ ...f, v: f.v.slice(first), low: f.low.slice(first), high: f.high.slice(first) })), rest = times.slice(first);
  return { times: rest, flows: cut, total: rest.map((_, i) => cut.reduce((sum, f) => sum + (f.v[i] ?? 0), 0)) };
}

/** unheard is shown until weir has told something: what is not known yet is not called good. */
const unheard = (): HTMLElement => el("div", {}, empty("Listening…"));

export function now(_: URLSearchParams, { signal }: Context): View {
  const tiles = el("div", { className: "tiles" });
  const open = unheard(), ended = unheard(), links = unheard(), silent = unheard();
  const planned = card("Planned work", { hidden: true });
  const legend = unheard(), note = el("p", { className: "note" });
  const rest = el("p", { className: "note", hidden: true });
  const picture = chart("largest flows of the last two minutes", 260);
  const color = slots();
  const seconds = new Map<number, detect.Top>();
  let shown = "", paused = false, largest = 0, history: boolean | null = null;

  // What is live is summed over the points that sample a flow. Where there is a
  // history it tells each flow as the one point does that saw most of it.
  const keep = (top: detect.Top | null): void => {
    if (!top) return;
    seconds.set(Date.parse(top.to), top);
    const newest = Math.max(...seconds.keys());
    for (const t of seconds.keys()) if (t < newest - span) seconds.delete(t);
  };

  const live = (): Shown => {
    const all = [...seconds].sort(([a], [b]) => a - b), times = all.map(([t]) => t), flows = new Flows(times);
    all.forEach(([, top], i) => {
      for (const f of top.items ?? []) flows.put(flowName(f.key, f.domain), f.key, i, f.rate, f.low, f.high);
    });
    return { times, flows: [...flows.all.values()], total: all.map(([, top]) => top.total) };
  };

  const draw = ({ times, flows, total }: Shown): void => {
    const last = times.length - 1, to = times[last];
    if (to === undefined) return;
    const sum = (f: Flow): number => f.v.reduce((a, b) => a + b, 0), peak = (f: Flow): number => Math.max(...f.v), ends = (f: Flow): number => f.v[last] ?? 0;
    const score = (f: Flow): number => sum(f) + 10 * ends(f); // what goes on counts more than what was
    const most = [...flows].sort((a, b) => score(b) - score(a) || (a.name < b.name ? -1 : 1)).slice(0, colors.length);
    const held = color(most.map((f) => f.name)), slot = (f: Flow): number => held.get(f.name) ?? 0, paint = (f: Flow): string => colors[slot(f)] ?? "";
    most.sort((a, b) => slot(a) - slot(b));
    picture.draw({ times, unit: "bit/s", ago: true, from: to - span, to, total, series: most.map((f) => ({ ...f, color: paint(f) })) });
    set(legend, !most.length ? empty("No flow was sampled in these two minutes.") : table([["flow", "long"], ["now", "number"], ["95 % interval", "number"], ["peak", "number", "of these two minutes"]], [...most].sort((a, b) => ends(b) - ends(a) || peak(b) - peak(a)).map((f) => [
      el("span", { className: "flow" }, swatch(paint(f)), link("explore", { filter: flowFilter(f.key), by: "agent,input,output", from: "-15m" }, f.name)),
      ends(f) ? bits(ends(f)) : "–", ends(f) ? interval(f.low[last] ?? 0, f.high[last] ?? 0, "bit/s") : "–", bits(peak(f))])));
    largest = Math.max(0, ...flows.map(ends));
  };

  const look = async (): Promise<void> => {
    if (paused || document.hidden) return;
    const r = await get("/api/v1/lookback/flows", {}, signal).catch(() => undefined);
    if (r === undefined && history) return; // it is asked again
    history = Boolean(r);
    set(note, history ? "Two minutes, each flow as the one point tells that saw most of it. Shaded edges are 95 % intervals; grey are further flows." :
      "Two minutes, summed over the points that sample a flow. Shaded edges are 95 % intervals; grey is all else.");
    draw(r ? recent(r) : live());
  };

  const alerts = (all: readonly web.AlertView[]): void => {
    const state = JSON.stringify(all.map((a) => [a.id, a.at, a.ended, a.care]));
    if (state === shown) {
      for (const e of open.querySelectorAll<HTMLElement>("[data-since]")) e.textContent = ` (${since(e.dataset.since)})`;
      return;
    }
    shown = state;
    const live = ongoing(all), over = (g: Group): number => Date.parse(g.lead.ended ?? "");
    const past = grouped(all.filter((a) => a.ended)).sort((x, y) => over(y) - over(x));
    set(open, live.length ? el("ul", { className: "incidents" }, live.map(incidentItem)) :
      empty("Nothing is wrong.", "Large flows, floods, scans, and bridges, hosts and instances that fail appear here the moment they are certain enough."));
    set(ended, past.length ? el("ul", { className: "incidents small" }, past.slice(0, 8).map(incidentItem)) : empty("Nothing ended yet."));
  };

  const tile = (name: string, value: Child, note: string, kind = "", to?: string): Child =>
    el(to ? "a" : "div", { className: `tile ${kind}`, href: to }, el("span", { className: "value" }, value), el("span", { className: "name" }, name), el("span", { className: "dim" }, note));

  const head = (l: web.Live): void => {
    const live = ongoing(l.alerts);
    const worst = live[0]?.lead.severity;
    set(tiles,
      tile(l.incidents_open === 1 ? "incident open" : "incidents open", count(l.incidents_open), worst ? `the gravest is ${worst}` : "all calm", worst ?? "good"),
      tile("largest flow", largest ? bits(largest) : "–", "now, by its samples", "", "#explore"),
      tile(l.agents === 1 ? "agent" : "agents", count(l.agents), l.silent.length ? `${l.silent.length}${l.silent.length >= 20 ? " or more" : ""} silent` : "all heard", l.silent.length ? "warning" : "", "#agents"),
      tile("datagrams/s", count(Math.round(l.datagrams_per_second)), `${percent(l.loss_percent / 100)} lost on the way`, l.loss_percent > 1 ? "warning" : ""),
      l.socket_dropped ? tile("dropped here", count(l.socket_dropped), "this collector is overloaded", "critical") : null);
  };

  // What is live has the gravest alerts alone.
  const missing = (l: web.Live): void => {
    const more = l.incidents_open - ongoing(l.alerts).length;
    rest.hidden = more <= 0;
    if (more > 0) set(rest, `${many(more, "more incident is", "more incidents are")} open: here are the gravest ${count(l.alerts.length)} of ${count(l.alerts_total)} alerts. `, link("history", { change: "start", from: "-7d" }, "All are in History"));
  };

  const side = (l: web.Live): void => {
    set(links, l.links.length ? el("ul", { className: "plain links" }, l.links.slice(0, 8).map((k) => el("li", {},
      el("span", {}, el("strong", {}, k.name), el("span", { className: "dim" }, ` ${k.agent}`)),
      el("span", { className: "number" }, k.load < 0 ? el("span", { className: "dim", title: "the agent does not tell the interface's speed" }, "speed unknown") : percent(k.load)),
      k.load < 0 ? "" : bar(k.load, `${k.name}: ${percent(k.load)} of ${bits(k.speed)}`),
      el("span", { className: "dim both" }, `in ${bits(k.in)}, out ${bits(k.out)}`)))) :
      empty("No interface has told two polls yet.", "Rates need two counter samples of an interface."));
    set(silent, l.silent.length ? el("ul", { className: "plain" }, l.silent.map((n) => el("li", {}, badge("warning", "silent"), " ", n))) : empty("Everybody is heard.", "An agent that says nothing for a minute is listed here."));
  };

  // What is announced says why something may be quiet.
  const plans = (): Promise<void> => get("/api/v1/windows", {}, signal).then((all) => {
    const now = Date.now(), soon = all.filter((w) => Date.parse(w.to) > now && Date.parse(w.from) < now + 86_400_000).sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
    planned.hidden = !soon.length;
    set(planned, el("h2", {}, "Planned work"), el("ul", { className: "plain" }, soon.slice(0, 8).map((w) => el("li", {}, badge(Date.parse(w.from) <= now ? "warning" : "info", Date.parse(w.from) <= now ? "now" : "soon"), " ", el("strong", {}, w.subject),
      ` ${w.reason}`, el("span", { className: "dim" }, ` · ${w.owner}, ${clock(w.from)} to ${clock(w.to)}`)))), soon.length > 8 ? el("p", { className: "note" }, `${count(soon.length - 8)} more.`) : null);
  }, () => { /* not for this visitor */ });
  void plans();
  const planning = setInterval(() => { if (!document.hidden) void plans(); }, 30_000);
  void get("/api/v1/lookback", {}, signal).then((all) => all.forEach(keep), () => { /* what is live comes all the same */ }).then(look);
  const timer = setInterval(() => void look(), 2000);

  const others = [
    card("Largest flows", { className: "wide" }, note, picture.element, legend),
    el("div", { className: "side" }, card("Most loaded links", {}, links), card("Silent agents", {}, silent), planned, card("Ended", {}, ended)),
  ];
  return {
    title: "Now",
    parts: [tiles, card("Open incidents", {}, open, rest), ...others],
    live(l) {
      if (paused) return;
      if (l.scoped) {
        for (const s of others) s.hidden = true;
        set(tiles, tile("incidents open", ongoing(l.alerts).length, `of ${l.scoped.join(", ")}`));
        alerts(l.alerts);
        document.body.dataset.shown = "now";
        return;
      }
      head(l);
      alerts(l.alerts);
      missing(l);
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
