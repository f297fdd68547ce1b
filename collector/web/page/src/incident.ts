// Incident: what happened in which order, who says so, whom it befell, what
// flowed around it, and what to do about it.

import { actions } from "./actions";
import type { Actions } from "./actions";
import type { site, web } from "./api";
import { Problem, aborted, get } from "./ask";
import { badge, bits, card, clock, count, el, empty, interval, known, lasting, link, many, octets, percent, problem, set, since, svg, table, time, words } from "./dom";
import type { Child, Column } from "./dom";
import { flowsPanel } from "./explore";
import type { Panel } from "./explore";
import { around, flowFilter } from "./flows";
import { effects, finding, list, number, text, values } from "./values";
import type { Finding, Values } from "./values";
import type { Context, View } from "./view";

const ms = (t: string): number => Date.parse(t);

/** Fact is a step, or several that are the same of many things. */
type Fact = site.Step & { entities: string[] };

/** timeline draws each fact from when it was last seen otherwise to when it was first seen so. Lists in unfolded are open. */
function timeline(steps: readonly site.Step[], began: string, unfolded: Set<string>, ended?: string): Child {
  const facts = collapse(steps);
  const first = Math.min(ms(began), ...facts.map((f) => ms(f.before ?? f.at)));
  const last = Math.max(ended ? ms(ended) : Date.now(), ...facts.map((f) => ms(f.until ?? f.at)));
  const span = Math.max(last - first, 1);
  const x = (t: string): number => (100 * (ms(t) - first)) / span;
  const draw = (f: Fact): Child => {
    const s = svg("svg", { class: "span", viewBox: "0 0 100 12", preserveAspectRatio: "none", role: "img", "aria-label": f.before ? `between ${clock(f.before, true)} and ${clock(f.at, true)}` : `at ${clock(f.at, true)}` });
    s.append(svg("line", { class: "grid", x1: 0, x2: 100, y1: 6, y2: 6 }));
    if (ended || began) s.append(svg("rect", { class: "open", x: x(began), width: Math.max(0.3, (ended ? x(ended) : 100) - x(began)), y: 0, height: 12 }));
    if (f.before) s.append(svg("rect", { class: "between", x: x(f.before), width: Math.max(0.8, x(f.at) - x(f.before)), y: 3, height: 6 }));
    if (f.until) s.append(svg("rect", { class: "between", x: x(f.at), width: Math.max(0.8, x(f.until) - x(f.at)), y: 3, height: 6 }));
    s.append(svg("rect", { class: `moment ${f.from ?? ""}`, x: Math.min(x(f.at), 99.2), width: 0.8, y: 0, height: 12 }));
    return s;
  };
  const which = (f: Fact): Child => {
    const key = `${f.at} ${f.node ?? ""} ${f.what}`;
    const all: HTMLDetailsElement = el("details", { open: unfolded.has(key), ontoggle: () => { if (all.open) unfolded.add(key); else unfolded.delete(key); } },
      el("summary", {}, "which"), el("ul", { className: "plain" }, f.entities.map((e) => el("li", {}, e))));
    return all;
  };
  const row = (f: Fact): Child => el("tr", { className: /: |_down|unreach|crash|fail|silent|flushed/.test(f.what) && !f.what.endsWith("is over") ? "bad" : f.what.endsWith("is over") ? "over" : "" },
    el("td", { className: "number" }, time(f.at, true)),
    el("td", { className: "number dim", title: "last seen otherwise so long before" }, f.before && f.before !== f.at ? `≤ ${lasting(ms(f.at) - ms(f.before))}` : ""),
    el("td", { className: "picture" }, draw(f)),
    el("td", { className: "long" }, f.entities.length > 1 ? el("strong", {}, `${f.entities.length} × `) : "", told(f), f.was ? el("span", { className: "change" }, " ", el("span", { className: "was" }, f.was), " → ", el("span", { className: "is" }, f.is || "–")) : f.is ? el("span", { className: "change" }, ": ", el("span", { className: "is" }, f.is)) : "",
      f.entities.length > 1 ? which(f) : ""),
    el("td", { className: "one" }, f.node ?? ""),
    el("td", { className: "one" }, f.from ? el("span", { className: `witness ${f.from === "agent" ? "agent" : "passive"}`, title: f.from === "agent" ? "weir-agent on the node says so" : "seen in sFlow of others" }, f.from) : "", f.skew && f.skew !== "0s" ? el("span", { className: "dim", title: "of the node's clock against this collector's" }, ` ${f.skew}`) : ""));
  return el("div", { className: "scroll" }, el("table", { className: "timeline" },
    el("thead", {}, el("tr", {}, [["first seen", "number"], ["within", "number"], [`${clock(new Date(first).toISOString())} – ${clock(new Date(last).toISOString())}`, "picture"], ["what", "long"], ["node", "one"], ["witness", "one"]].map(([n, k]) => el("th", { scope: "col", className: k }, n)))),
    el("tbody", {}, facts.map(row))));
}

/** told is a fact in words; the end of a time is written as all times here. */
const told = (f: Fact): string => (f.until ? `${words(f.what).replace(/, until [\d:.]+$/, "")}, until ${clock(f.until, true)}` : words(f.what));

/** zone names that of the times shown. */
function zone(): string {
  const m = -new Date().getTimezoneOffset(), two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  return m ? `UTC${m < 0 ? "−" : "+"}${two(Math.abs(m) / 60)}:${two(Math.abs(m) % 60)}` : "UTC";
}

/** collapse makes one of facts that are the same of many things. */
function collapse(steps: readonly site.Step[]): Fact[] {
  const all: Fact[] = [];
  for (const s of steps) {
    const last = all.at(-1);
    const name = (s.entity ?? "").split("/").slice(1).join(" ");
    if (last && last.what === s.what && last.node === s.node && last.from === s.from && Math.abs(ms(last.at) - ms(s.at)) < 50 && last.is === s.is) last.entities.push(name);
    else all.push({ ...s, entities: [name] });
  }
  return all;
}

/** factsTable is what a finding rests on, with its weight. */
const factsTable = (facts: readonly Values[]): Child => table([["first seen", "number"], ["last seen good", "number"], ["fact", "long"], ["before → after"], ["says", "one"], ["weight", "number", "nats: how much likelier the condition became"]],
  facts.map((f) => {
    const before = text(f.before), after = text(f.after), good = text(f.last_good);
    return [time(text(f.at), true), good ? time(good, true) : "–", text(f.what), before || after ? `${before || "–"} → ${after || "–"}` : "", text(f.from), number(f.weight)?.toFixed(1) ?? "–"];
  }));

const unitsOf: readonly (readonly [RegExp, (v: number) => string])[] = [
  [/(^|_)(port|input|output|proto|if_index|vni|vlan|domain|type|code)$/, String],
  [/bits_per_second|speed$|low$|high$/, bits], [/octets|bytes/, octets], [/seconds/, (v) => lasting(v * 1000)],
  [/confidence/, percent], [/rate$/, (v) => `1:${count(v)}`],
];
const moments = /(^|_)at$|since|first_sample|last_good/;
const titles = new Map(Object.entries({ bits_per_second: "rate", life_bits_per_second: "rate of its life", threshold_bits_per_second: "threshold", background_bits_per_second: "usual beside it", window_seconds: "window", life_seconds: "lasted", life_octets: "volume", frame_octets: "mean frame", seconds_to_alert: "told after", log_likelihood_ratio: "likelihood ratio (ln)", interface_speed: "speed of the link", effective_samples: "effective samples" }));

/** figure writes a value of an alert with its unit. */
function figure(name: string, v: unknown): string {
  if (v === null || v === undefined) return "–";
  if (Array.isArray(v)) return v.map((x) => (typeof x === "object" ? JSON.stringify(x) : String(x))).join(", ");
  if (typeof v === "object") return JSON.stringify(v);
  if (moments.test(name)) return clock(typeof v === "number" ? v : text(v), true);
  const n = typeof v === "number" ? v : /^\d+$/.test(text(v)) ? Number(v) : undefined;
  if (n === undefined) return String(v);
  const unit = unitsOf.find(([r]) => r.test(name));
  if (unit) return unit[1](n);
  return typeof v === "string" ? v : Number.isInteger(n) ? count(n) : n.toPrecision(4);
}

const plainValues = (o: Values, skip: readonly string[] = []): [string, unknown][] => Object.entries(o).filter(([k]) => !skip.includes(k));

/** pairs are a finding's values; a rate has its interval beside it. */
function pairs(o: Values, skip: readonly string[] = []): Child {
  const left = [...skip];
  const ranged = (k: string): string => {
    const stem = k.replace(/bits_per_second$|packets_per_second$/, "");
    const low = number(o[`${stem}low`]), high = number(o[`${stem}high`]);
    if (stem === k || low === undefined || high === undefined) return "";
    left.push(`${stem}low`, `${stem}high`);
    return ` (95 %: ${k.endsWith("bits_per_second") ? interval(low, high, "bit/s") : interval(low, high, "/s")})`;
  };
  return el("dl", { className: "pairs" }, plainValues(o).map(([k, v]) => ({ k, written: figure(k, v) + ranged(k) })).filter(({ k }) => !left.includes(k))
    .map(({ k, written }) => [el("dt", {}, titles.get(k) ?? words(k).replace("per second", "/s")), el("dd", {}, written)]));
}

/** question is what history is asked about the flows around an alert. */
function question(i: site.Incident, subject: Values): string {
  const s = (name: string): string => text(subject[name]);
  const all = i.addresses ?? [];
  if (s("src") && s("dst")) return flowFilter({ src: s("src"), dst: s("dst"), proto: s("proto"), src_port: s("src_port"), dst_port: s("dst_port") });
  const among = (field: string): string => (all.length === 1 ? `${field} = ${all.join()}` : `${field} in (${all.join(", ")})`);
  if (all.length) return `${among("src")} or ${among("dst")}`;
  for (const field of ["src", "dst"]) if (s(field)) return `${field} ${s(field).includes("/") ? "in" : "="} ${s(field)}`;
  for (const field of ["victim", "source", "prefix", "address"]) if (/^[\d.:a-f/]+$/i.test(s(field))) return `src in ${s(field)} or dst in ${s(field)}`;
  const port = number(subject.if_index) ?? 0, nodes = s("agent") && port ? [s("agent")] : [...new Set([s("agent"), ...(i.nodes ?? [])])].filter((n) => n).slice(0, 16);
  if (!nodes.length) return "";
  return (nodes.length > 1 ? `agent in (${nodes.join(", ")})` : `agent = ${nodes.join()}`) + (s("type") === "interface" && port ? ` and (input = ${port} or output = ${port})` : "");
}

interface Loaded { incident: site.Incident; alert: Finding }

/** load finds an incident, or the alert that is one by itself. */
async function load(id: string, signal: AbortSignal): Promise<Loaded> {
  try {
    const i = await get("/api/v1/incidents/{id}", { id }, signal);
    return { incident: i, alert: finding(i.root) };
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    const all = await get("/api/v1/alerts", {}, signal);
    const own = all.find((a) => a.id === id) ?? all.find((a) => a.incident === id);
    if (!own) return past(id, signal);
    const alert = { ...finding(own.alert), id: own.id };
    return { incident: { id, line: own.line, began: own.started, ended: own.ended, kind: own.kind, state: own.state, severity: own.severity, steps: [], children: effects(alert.evidence), affected: own.affected ?? 0, nodes: [], alerts: [] }, alert };
  }
}

/** past reads an incident from the history of alerts. */
async function past(id: string, signal: AbortSignal): Promise<Loaded> {
  const h = await get("/api/v1/alerts/history", { from: "-400d", id, limit: 1000 }, signal).catch(() => null);
  const all = (h?.alerts ?? []).filter((a) => a.id === id || a.incident === id);
  const first = all[0], last = all.at(-1);
  if (!first || !last) throw new Problem(`No incident ${id} is kept. It may be older than history reaches, or the link is cut short.`, 404);
  const alert: Finding = { id: last.id, subject: values(last.subject), evidence: values(last.evidence) };
  return {
    incident: { id, line: last.line, began: first.at, ended: last.change === "end" ? last.at : undefined, kind: last.kind, state: last.state, severity: last.severity, steps: [], children: effects(alert.evidence), affected: number(alert.evidence.affected) ?? 0, nodes: [], alerts: all.map((a) => `${clock(a.at, true)} ${a.change} ${a.line}`) },
    alert,
  };
}

/** full is a table without the columns that nothing stands in. */
function full(columns: readonly Column[], rows: readonly (readonly Child[])[]): Child {
  const kept = (_: unknown, i: number): boolean => rows.some((r) => r[i] !== "");
  return table(columns.filter(kept), rows.map((r) => r.filter(kept)));
}

/** groups counts effects by what befell them and where: "4 instance unreachable on cn2". */
function groups(kids: readonly site.Child[]): Child {
  const all = new Map<string, Map<string, number>>();
  for (const c of kids) {
    const what = words(c.kind), where = c.subject.type === "node" ? "" : c.subject.node || c.subject.agent || "";
    const nodes = all.get(what) ?? new Map<string, number>();
    all.set(what, nodes.set(where, (nodes.get(where) ?? 0) + 1));
  }
  return el("ul", { className: "plain" }, [...all].map(([what, nodes]) => el("li", {},
    el("strong", {}, `${count([...nodes.values()].reduce((a, b) => a + b, 0))} × ${what}`),
    nodes.size === 1 && nodes.has("") ? "" : el("span", { className: "dim" }, ": ", [...nodes].map(([n, k]) => `${n || "elsewhere"} ${count(k)}`).join(", ")))));
}

/** places writes into out the nodes of an incident as the model has them now, and what nobody can tell of their instances. */
function places(out: Element, keys: readonly string[], signal: AbortSignal): void {
  if (keys.length) get("/api/v1/site", {}, signal).then((m) => {
    const all = m.nodes.filter((n) => keys.includes(n.key)), sum = (k: "instances" | "bad" | "unseen"): number => all.reduce((s, n) => s + n[k], 0);
    if (!all.length) return;
    set(out, el("h3", {}, `${many(all.length, "node")} now: ${many(sum("instances"), "instance")}`, sum("bad") ? `, ${count(sum("bad"))} in trouble` : "", sum("unseen") ? `, ${count(sum("unseen"))} not observable` : ""),
      el("ul", { className: "plain inline" }, all.slice(0, 40).map((n) => el("li", {}, el("span", { className: `mark ${known(n.health)}` }), link("site", { node: n.key }, n.name || n.key),
        el("span", { className: "dim" }, n.unseen ? ` ${count(n.unseen)} of ${count(n.instances)} not observable` : n.instances ? ` ${many(n.instances, "instance")}` : "")))),
      all.length > 40 ? el("p", { className: "note" }, `${count(all.length - 40)} more nodes.`) : null);
  }, () => { /* not for this visitor, or not now */ });
}

function instances(i: site.Incident, where: Child): Child {
  const kids = [...(i.children ?? [])].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0) || (a.subject.node ?? "").localeCompare(b.subject.node ?? "", "en", { numeric: true }));
  if (!kids.length) return null;
  return card(`Affected: ${count(i.affected)}`, { className: "wide" }, groups(kids), where,
    full([["what", "one"], ["name", "one"], ["project", "one"], ["node", "one"], ["address", "one"], ["since", "number"], ["why", "long"]], kids.map((c) => [
      words(c.kind), c.subject.name ? el("strong", {}, c.subject.name) : "", c.subject.project ?? "",
      c.subject.agent ? link("site", { node: c.subject.agent }, c.subject.node || c.subject.agent) : c.subject.node ?? "", c.subject.mac ?? c.subject.address ?? "", time(c.since), c.line])),
    i.affected > kids.length ? el("p", { className: "note" }, `${count(i.affected - kids.length)} more are counted and not listed.`) : null);
}

/** advice is what a kind means, which is asked once: it does not change. */
function advice(signal: AbortSignal): (kind: string) => Child {
  const out = el("div", {}), all = card("What it means", {}, out);
  let told = "";
  return (kind) => {
    if (kind === told) return all;
    told = kind;
    get("/api/v1/explain", { kind }, signal).then((e) => set(out,
      el("p", {}, e.meaning), el("h3", {}, "Confirm it"), e.confirm.map((c) => el("pre", { className: "command" }, c)),
      el("h3", {}, "Usual causes"), el("p", {}, e.causes), el("h3", {}, "When it is wrong"), el("p", {}, e.wrong)),
    () => { told = ""; set(out, empty("Nothing more is known of this kind.")); });
    return all;
  };
}

/** stateOf changes when something changes about an incident. */
const stateOf = (id: string, alerts: readonly web.AlertView[]): string =>
  JSON.stringify(alerts.filter((a) => a.id === id || a.incident === id).map((a) => [a.id, a.at, a.ended, a.care]).sort());

// An incident is asked for when something has changed about it, and seldom besides:
// of facts that raise no alert nothing is told. What could not be asked is asked again.
const seldom = 30_000, again = 3000;

export function incident(parameters: URLSearchParams, { signal }: Context): View {
  const id = parameters.get("id") ?? "";
  const out = el("div", { className: "view" }, card("", {}, empty("Reading…")));
  const where = el("div", {}), age = el("span", {}), means = advice(signal);
  const unfolded = new Set<string>();
  let panel: Panel | null = null, shown: site.Incident | null = null, flows: Child = null, buttons: Actions | null = null;
  let seen = "", heard = "", asked = 0, every = seldom, changed = true;
  const show = async (): Promise<void> => {
    const alerts = await get("/api/v1/alerts", {}, signal).catch(() => []); // first: what changes meanwhile is told anew
    const { incident: i, alert } = await load(id, signal);
    shown = i;
    every = i.ended ? Infinity : seldom;
    const { evidence, subject } = alert, own = alert.id || i.id, filter = question(i, subject), when = around(i.began, i.ended);
    const sure = number(evidence.confidence), cause = text(evidence.cause), blind = text(evidence.blind), facts = list(evidence.facts).map(values);
    if (!flows && filter) {
      panel = flowsPanel({ filter, by: "src,dst,proto,dst_port", ...when, top: "8" }, signal);
      flows = card("Flows around it", { className: "full" }, el("p", { className: "note" }, el("code", {}, filter), " · ", link("explore", { filter, by: "src,dst,proto,dst_port", ...when, top: "20" }, "open in Explore")), panel.element);
    }
    const care = alerts.find((a) => a.id === own)?.care ?? null;
    seen = stateOf(i.id, alerts);
    if (heard === seen) changed = false;
    places(where, i.nodes ?? [], signal);
    age.textContent = `, open for ${since(i.began)}`;
    if (!buttons) buttons = actions(own, care, signal);
    else buttons.set(care);
    const subjects = plainValues(subject, ["type"]).length ? pairs(subject) : null;
    set(out,
      el("section", { className: `hero ${i.ended ? "ended" : i.severity}` },
        el("p", {}, badge(i.ended ? "ended" : i.severity), " ", el("span", { className: "dim" }, `${words(i.kind)} · ${i.state}${sure ? ` · ${percent(sure)} sure` : ""}`)),
        el("h2", {}, i.line),
        el("p", { className: "dim" }, `began ${clock(i.began, true)}`, i.ended ? `, ended ${clock(i.ended, true)} after ${lasting(ms(i.ended) - ms(i.began))}` : age, ` · ${i.id}`),
        cause ? el("p", {}, "Cause: ", el("strong", {}, cause)) : null,
        blind ? el("p", { className: "warning" }, "Not observable: ", blind) : null,
        buttons.element),
      i.steps.length ? card("What happened, in order", { className: "full" }, el("p", { className: "note" }, "Bars reach from when something was last seen otherwise to when it was first seen so: it happened in between. Times are in ", zone(), "."),
        timeline(i.steps, i.began, unfolded, i.ended), i.cut ? el("p", { className: "note" }, "There were more facts than are kept.") : null) : null,
      instances(i, where) ?? (subjects ? card("What it is about", { className: "wide" }, subjects) : null),
      means(i.kind),
      facts.length ? card("What it rests on", { className: "full" }, factsTable(facts)) : evidenceCard(evidence),
      flows,
      i.alerts.length ? card("As it was told", { className: "full" }, el("p", { className: "note" }, "Times are in UTC."), el("ol", { className: "told" }, i.alerts.map((l) => el("li", {}, l)))) : null);
    document.body.dataset.shown = "incident";
  };
  const fail = (e: unknown): void => { if (!aborted(e)) set(out, card("", {}, problem(e), el("p", {}, link("history", {}, "Look in the history of alerts")))); };
  const ask = async (): Promise<void> => {
    asked = Infinity;
    changed = false;
    try {
      await show();
    } catch (e) {
      every = e instanceof Problem && e.status >= 400 && e.status < 500 ? seldom : again;
      if (!shown) fail(e); // else what was read stays
    }
    asked = Date.now();
  };
  const look = (): void => {
    if (shown) age.textContent = `, open for ${since(shown.began)}`;
    if (document.hidden || buttons?.element.contains(document.activeElement)) return;
    if (changed ? asked <= Date.now() : Date.now() - asked >= every) void ask();
  };
  void ask();
  const timer = setInterval(look, 1000);
  return {
    title: "Incident",
    parts: [out],
    live(l) {
      const state = stateOf(shown?.id ?? id, l.alerts);
      if (state !== heard && state !== seen) changed = true;
      heard = state;
      look();
    },
    end() { clearInterval(timer); panel?.end(); },
  };
}

function evidenceCard(e: Values): Child {
  return plainValues(e, ["children"]).length ? card("What it rests on", { className: "full columns" }, pairs(e, ["children"])) : null;
}
