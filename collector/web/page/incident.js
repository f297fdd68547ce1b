// Incident: what happened in which order, who says so, whom it befell, what
// flowed around it, and what to do about it.

import { Problem, api, badge, bits, card, clock, count, el, empty, interval, known, lasting, link, many, octets, percent, problem, set, since, svg, table, time, words } from "./dom.js";
import { around, flowFilter } from "./flows.js";
import { flowsPanel } from "./explore.js";
import { actions } from "./actions.js";

const ms = (t) => Date.parse(t);

/** timeline draws each fact from when it was last seen otherwise to when it was first seen so. */
function timeline(steps, began, ended) {
  const facts = collapse(steps);
  const first = Math.min(ms(began), ...facts.map((f) => ms(f.before ?? f.at)));
  const last = Math.max(ended ? ms(ended) : Date.now(), ...facts.map((f) => ms(f.until ?? f.at)));
  const span = Math.max(last - first, 1);
  const x = (t) => 100 * (ms(t) - first) / span;
  const draw = (f) => {
    const s = svg("svg", { class: "span", viewBox: "0 0 100 12", preserveAspectRatio: "none", role: "img", "aria-label": f.before ? `between ${clock(f.before, true)} and ${clock(f.at, true)}` : `at ${clock(f.at, true)}` });
    s.append(svg("line", { class: "grid", x1: 0, x2: 100, y1: 6, y2: 6 }));
    if (ended || began) s.append(svg("rect", { class: "open", x: x(began), width: Math.max(0.3, (ended ? x(ended) : 100) - x(began)), y: 0, height: 12 }));
    if (f.before) s.append(svg("rect", { class: "between", x: x(f.before), width: Math.max(0.8, x(f.at) - x(f.before)), y: 3, height: 6 }));
    if (f.until) s.append(svg("rect", { class: "between", x: x(f.at), width: Math.max(0.8, x(f.until) - x(f.at)), y: 3, height: 6 }));
    s.append(svg("rect", { class: `moment ${f.from ?? ""}`, x: Math.min(x(f.at), 99.2), width: 0.8, y: 0, height: 12 }));
    return s;
  };
  const row = (f) => el("tr", { className: /: |_down|unreach|crash|fail|silent|flushed/.test(f.what) && !f.what.endsWith("is over") ? "bad" : f.what.endsWith("is over") ? "over" : "" },
    el("td", { className: "number" }, time(f.at, true)),
    el("td", { className: "number dim", title: "last seen otherwise so long before" }, f.before && f.before !== f.at ? `≤ ${lasting(ms(f.at) - ms(f.before))}` : ""),
    el("td", { className: "picture" }, draw(f)),
    el("td", { className: "long" }, f.many ? el("strong", {}, `${f.many} × `) : "", told(f), f.was ? el("span", { className: "change" }, " ", el("span", { className: "was" }, f.was), " → ", el("span", { className: "is" }, f.is || "–")) : f.is ? el("span", { className: "change" }, ": ", el("span", { className: "is" }, f.is)) : "",
      f.many ? el("details", {}, el("summary", {}, "which"), el("ul", { className: "plain" }, f.entities.map((e) => el("li", {}, e)))) : ""),
    el("td", { className: "one" }, f.node ?? ""),
    el("td", { className: "one" }, f.from ? el("span", { className: `witness ${f.from === "agent" ? "agent" : "passive"}`, title: f.from === "agent" ? "weir-agent on the node says so" : "seen in sFlow of others" }, f.from) : "", f.skew && f.skew !== "0s" ? el("span", { className: "dim", title: "of the node's clock against this collector's" }, ` ${f.skew}`) : ""));
  return el("div", { className: "scroll" }, el("table", { className: "timeline" },
    el("thead", {}, el("tr", {}, [["first seen", "number"], ["within", "number"], [`${clock(new Date(first).toISOString())} – ${clock(new Date(last).toISOString())}`, "picture"], ["what", "long"], ["node", "one"], ["witness", "one"]].map(([n, k]) => el("th", { scope: "col", className: k }, n)))),
    el("tbody", {}, facts.map(row))));
}

/** told is a fact in words; the end of a time is written as all times here. */
const told = (f) => (f.until ? `${words(f.what).replace(/, until [\d:.]+$/, "")}, until ${clock(f.until, true)}` : words(f.what));

/** zone names that of the times shown. */
function zone() {
  const m = -new Date().getTimezoneOffset(), two = (n) => String(Math.floor(n)).padStart(2, "0");
  return m ? `UTC${m < 0 ? "−" : "+"}${two(Math.abs(m) / 60)}:${two(Math.abs(m) % 60)}` : "UTC";
}

/** collapse makes one of facts that are the same of many things. */
function collapse(steps) {
  const all = [];
  for (const s of steps ?? []) {
    const last = all.at(-1);
    const name = (s.entity ?? "").split("/").slice(1).join(" ");
    if (last && last.what === s.what && last.node === s.node && last.from === s.from && Math.abs(ms(last.at) - ms(s.at)) < 50 && last.is === s.is) {
      last.many = (last.many || 1) + 1;
      last.entities.push(name);
    } else all.push({ ...s, entities: [name] });
  }
  return all;
}

/** facts are what a finding rests on, with their weight. */
const factsTable = (facts) => table([["first seen", "number"], ["last seen good", "number"], ["fact", "long"], ["before → after"], ["says", "one"], ["weight", "number", "nats: how much likelier the condition became"]],
  facts.map((f) => [time(f.at, true), f.last_good ? time(f.last_good, true) : "–", f.what, f.before || f.after ? `${f.before || "–"} → ${f.after || "–"}` : "", f.from ?? "", f.weight ? f.weight.toFixed(1) : "–"]));

const unitsOf = [
  [/(^|_)(port|input|output|proto|if_index|vni|vlan|domain|type|code)$/, (v) => String(v)],
  [/bits_per_second|speed$|low$|high$/, bits], [/octets|bytes/, (v) => octets(Number(v))], [/seconds/, (v) => lasting(v * 1000)],
  [/(^|_)at$|since|first_sample|last_good/, (v) => clock(v, true)], [/confidence/, (v) => percent(v)], [/rate$/, (v) => `1:${count(v)}`],
];
const titles = { bits_per_second: "rate", life_bits_per_second: "rate of its life", threshold_bits_per_second: "threshold", background_bits_per_second: "usual beside it", window_seconds: "window", life_seconds: "lasted", life_octets: "volume", frame_octets: "mean frame", seconds_to_alert: "told after", log_likelihood_ratio: "likelihood ratio (ln)", interface_speed: "speed of the link", effective_samples: "effective samples" };

/** figure writes a value of an alert with its unit. */
function figure(name, v) {
  if (v === null || v === undefined) return "–";
  if (typeof v === "object") return Array.isArray(v) ? v.map((x) => (typeof x === "object" ? JSON.stringify(x) : x)).join(", ") : JSON.stringify(v);
  const unit = unitsOf.find(([r]) => r.test(name));
  if (unit && (typeof v === "number" || /^\d+$/.test(v) || /since|_at$|sample|good/.test(name))) return unit[1](v);
  if (typeof v === "number") return Number.isInteger(v) ? count(v) : v.toPrecision(4);
  return String(v);
}

const plainValues = (o, skip = []) => Object.entries(o ?? {}).filter(([k]) => !skip.includes(k));

/** pairs are a finding's values; a rate has its interval beside it. */
function pairs(o, skip = []) {
  const left = [...skip];
  const ranged = (k) => {
    const stem = k.replace(/bits_per_second$|packets_per_second$/, "");
    const low = o[`${stem}low`], high = o[`${stem}high`];
    if (stem === k || low === undefined || high === undefined) return "";
    left.push(`${stem}low`, `${stem}high`);
    return ` (95 %: ${k.endsWith("bits_per_second") ? interval(low, high, "bit/s") : interval(low, high, "/s")})`;
  };
  return el("dl", { className: "pairs" }, plainValues(o).map(([k, v]) => [k, figure(k, v) + ranged(k)]).filter(([k]) => !left.includes(k))
    .map(([k, text]) => [el("dt", {}, titles[k] ?? words(k).replace("per second", "/s")), el("dd", {}, text)]));
}

/** question is what history is asked about the flows around an alert. */
function question(i, alert) {
  const s = alert?.subject ?? {};
  const list = i.addresses ?? [];
  if (s.src && s.dst) return flowFilter({ src: s.src, dst: s.dst, proto: s.proto, src_port: s.src_port, dst_port: s.dst_port });
  const set = (field) => (list.length === 1 ? `${field} = ${list[0]}` : `${field} in (${list.join(", ")})`);
  if (list.length) return `${set("src")} or ${set("dst")}`;
  for (const field of ["src", "dst"]) if (s[field]) return `${field} ${String(s[field]).includes("/") ? "in" : "="} ${s[field]}`;
  for (const field of ["victim", "source", "prefix", "address"]) if (typeof s[field] === "string" && /^[\d.:a-f/]+$/i.test(s[field])) return `src in ${s[field]} or dst in ${s[field]}`;
  const nodes = s.agent && s.if_index ? [s.agent] : [...new Set([s.agent, ...(i.nodes ?? [])])].filter((n) => n).slice(0, 16);
  if (!nodes.length) return "";
  return (nodes.length > 1 ? `agent in (${nodes.join(", ")})` : `agent = ${nodes[0]}`) + (s.type === "interface" && s.if_index ? ` and (input = ${s.if_index} or output = ${s.if_index})` : "");
}

/** load finds an incident, or the alert that is one by itself. */
async function load(id, signal) {
  try {
    const i = await api(`/api/v1/incidents/${encodeURIComponent(id)}`, { signal });
    return { incident: i, alert: i.root };
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    const all = await api("/api/v1/alerts", { signal });
    const own = all.find((a) => a.id === id) ?? all.find((a) => a.incident === id);
    if (own) return { incident: { id, line: own.line, began: own.started, ended: own.ended, kind: own.kind, state: own.state, severity: own.severity, steps: [], children: own.alert?.evidence?.children, affected: own.affected ?? 0, nodes: [] }, alert: own.alert };
    return past(id, signal, e);
  }
}

/** past reads an incident from the history of alerts. */
async function past(id, signal, why) {
  const h = await api(`/api/v1/alerts/history?from=-400d&id=${encodeURIComponent(id)}&limit=1000`, { signal }).catch(() => null);
  const all = (h?.alerts ?? []).filter((a) => a.id === id || a.incident === id);
  const last = all.at(-1);
  if (!last) throw new Problem(`No incident ${id} is kept. It may be older than history reaches, or the link is cut short.`, 404, { why });
  const ended = last.change === "end" ? last.at : undefined;
  return {
    incident: { id, line: last.line, began: all[0].at, ended, kind: last.kind, state: last.state, severity: last.severity, steps: [], children: last.evidence?.children, affected: last.evidence?.affected ?? 0, nodes: [], alerts: all.map((a) => `${clock(a.at, true)} ${a.change} ${a.line}`) },
    alert: { id: last.id, kind: last.kind, subject: last.subject, evidence: last.evidence },
  };
}

/** full is a table without the columns that nothing stands in. */
function full(columns, rows) {
  const kept = columns.map((_, i) => i).filter((i) => rows.some((r) => r[i] !== ""));
  return table(kept.map((i) => columns[i]), rows.map((r) => kept.map((i) => r[i])));
}

/** groups counts effects by what befell them and where: "4 instance unreachable on cn2". */
function groups(kids) {
  const all = new Map();
  for (const c of kids) {
    const what = words(c.kind), where = c.subject?.type === "node" ? "" : c.subject?.node || c.subject?.agent || "";
    if (!all.has(what)) all.set(what, new Map());
    all.get(what).set(where, (all.get(what).get(where) ?? 0) + 1);
  }
  return el("ul", { className: "plain" }, [...all].map(([what, nodes]) => el("li", {},
    el("strong", {}, `${count([...nodes.values()].reduce((a, b) => a + b, 0))} × ${what}`),
    nodes.size === 1 && nodes.has("") ? "" : el("span", { className: "dim" }, ": ", [...nodes].map(([n, k]) => `${n || "elsewhere"} ${count(k)}`).join(", ")))));
}

/** places are the nodes of an incident as the model has them, and what nobody can tell of their instances. */
function places(i, signal) {
  const out = el("div", {});
  if (i.nodes?.length) api("/api/v1/site", { signal }).then((m) => {
    const all = (m?.nodes ?? []).filter((n) => i.nodes.includes(n.key)), sum = (k) => all.reduce((s, n) => s + n[k], 0);
    if (!all.length) return;
    set(out, el("h3", {}, `${many(all.length, "node")} now: ${many(sum("instances"), "instance")}`, sum("bad") ? `, ${count(sum("bad"))} in trouble` : "", sum("unseen") ? `, ${count(sum("unseen"))} not observable` : ""),
      el("ul", { className: "plain inline" }, all.slice(0, 40).map((n) => el("li", {}, el("span", { className: `mark ${known(n.health)}` }), link("site", { node: n.key }, n.name || n.key),
        el("span", { className: "dim" }, n.unseen ? ` ${count(n.unseen)} of ${count(n.instances)} not observable` : n.instances ? ` ${many(n.instances, "instance")}` : "")))),
      all.length > 40 ? el("p", { className: "note" }, `${count(all.length - 40)} more nodes.`) : null);
  }, () => { /* not for this visitor, or not now */ });
  return out;
}

function instances(i, where) {
  const kids = [...(i.children ?? [])].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0) || String(a.subject?.node ?? "").localeCompare(String(b.subject?.node ?? ""), "en", { numeric: true }));
  if (!kids.length) return null;
  return card(`Affected: ${count(i.affected)}`, { className: "wide" }, groups(kids), where,
    full([["what", "one"], ["name", "one"], ["project", "one"], ["node", "one"], ["address", "one"], ["since", "number"], ["why", "long"]], kids.map((c) => [
      words(c.kind), c.subject?.name ? el("strong", {}, c.subject.name) : "", c.subject?.project ?? "",
      c.subject?.agent ? link("site", { node: c.subject.agent }, c.subject.node || c.subject.agent) : c.subject?.node ?? "", c.subject?.mac ?? c.subject?.address ?? "", time(c.since), c.line])),
    i.affected > kids.length ? el("p", { className: "note" }, `${count(i.affected - kids.length)} more are counted and not listed.`) : null);
}

function advice(kind, signal) {
  const out = el("div", {});
  api(`/api/v1/explain?kind=${encodeURIComponent(kind)}`, { signal }).then((e) => set(out, 
    el("p", {}, e.meaning), el("h3", {}, "Confirm it"), e.confirm.map((c) => el("pre", { className: "command" }, c)),
    el("h3", {}, "Usual causes"), el("p", {}, e.causes), el("h3", {}, "When it is wrong"), el("p", {}, e.wrong)), () => set(out, empty("Nothing more is known of this kind.")));
  return card("What it means", {}, out);
}

export function incident(parameters, { signal }) {
  const id = parameters.get("id") ?? "";
  const out = el("div", { className: "view" }, card("", {}, empty("Reading…")));
  let panel = null, open = true, flows = null, buttons = null, where = null, befallen = 0;
  const show = async () => {
    const { incident: i, alert } = await load(id, signal);
    open = !i.ended;
    const evidence = alert?.evidence ?? {}, filter = question(i, alert), when = around(i.began, i.ended);
    if (!flows && filter) {
      panel = flowsPanel({ filter, by: "src,dst,proto,dst_port", ...when, top: "8" }, signal);
      flows = card("Flows around it", { className: "wide" }, el("p", { className: "note" }, el("code", {}, filter), " · ", link("explore", { filter, by: "src,dst,proto,dst_port", ...when, top: "20" }, "open in Explore")), panel.element);
    }
    const care = (await api("/api/v1/alerts", { signal }).catch(() => [])).find((a) => a.id === (alert?.id ?? i.id))?.care ?? null;
    if (!where || i.nodes?.length !== befallen) { where = places(i, signal); befallen = i.nodes?.length; }
    if (!buttons) buttons = actions(alert?.id ?? i.id, care, signal);
    else buttons.set(care);
    const subjects = plainValues(alert?.subject, ["type"]).length ? pairs(alert.subject) : null;
    set(out, 
      el("section", { className: `hero ${i.ended ? "ended" : i.severity}` },
        el("p", {}, badge(i.ended ? "ended" : i.severity), " ", el("span", { className: "dim" }, `${words(i.kind)} · ${i.state}${evidence.confidence ? ` · ${percent(evidence.confidence)} sure` : ""}`)),
        el("h2", {}, i.line),
        el("p", { className: "dim" }, `began ${clock(i.began, true)}`, i.ended ? `, ended ${clock(i.ended, true)} after ${lasting(ms(i.ended) - ms(i.began))}` : `, open for ${since(i.began)}`, ` · ${i.id}`),
        evidence.cause ? el("p", {}, "Cause: ", el("strong", {}, evidence.cause)) : null,
        evidence.blind ? el("p", { className: "warning" }, "Not observable: ", evidence.blind) : null,
        buttons.element),
      i.steps?.length ? card("What happened, in order", { className: "full" }, el("p", { className: "note" }, "Bars reach from when something was last seen otherwise to when it was first seen so: it happened in between. Times are in ", zone(), "."),
        timeline(i.steps, i.began, i.ended), i.cut ? el("p", { className: "note" }, "There were more facts than are kept.") : null) : null,
      instances(i, where) ?? (subjects ? card("What it is about", { className: "wide" }, subjects) : null),
      advice(i.kind, signal),
      evidence.facts?.length ? card("What it rests on", { className: "full" }, factsTable(evidence.facts)) : evidenceCard(evidence),
      flows,
      i.alerts?.length ? card("As it was told", {}, el("p", { className: "note" }, "Times are in UTC."), el("ol", { className: "told" }, i.alerts.map((l) => el("li", {}, l)))) : null);
    document.body.dataset.shown = "incident";
  };
  const fail = (e) => { if (e.name !== "AbortError") set(out, card("", {}, problem(e), el("p", {}, link("history", {}, "Look in the history of alerts")))); };
  show().catch(fail);
  const timer = setInterval(() => { if (open && !out.querySelector("details[open]") && !buttons?.element.contains(document.activeElement)) show().catch(() => {}); }, 3000);
  return { title: "Incident", parts: [out], end: () => { clearInterval(timer); panel?.end(); } };
}

function evidenceCard(e) {
  const rest = plainValues(e, ["children"]);
  return rest.length ? card("What it rests on", { className: "full columns" }, pairs(e, ["children"])) : null;
}
