// Agents: who sends, what was lost, whether rates are what they say, and one
// agent with its interfaces.

import { api, badge, bar, bits, card, clock, count, el, empty, href, lasting, link, many, percent, problem, scaled, set, since, table } from "./dom.js";
import { list } from "./list.js";

const loss = (a) => (a.received + a.lost ? a.lost / (a.received + a.lost) : 0);
const range = (r, write) => (!r[1] ? "–" : r[0] === r[1] || write(r[0]) === write(r[1]) ? write(r[0]) : `${write(r[0])} … ${write(r[1])}`);
const oneIn = (n) => `1:${count(Math.round(n))}`;
const silentAfter = 60_000;
const gravity = (a) => (a.notes.some((n) => n.matters) ? 2 : a.notes.length ? 1 : 0);

const columns = [
  ["agent", "", (a) => a.name || a.agent, (a) => [el("strong", {}, a.name || a.agent), a.name ? el("span", { className: "dim" }, ` ${a.agent}`) : ""]],
  ["heard", "number", (a) => -Date.parse(a.last_heard), (a, t) => (t - Date.parse(a.last_heard) > silentAfter ? badge("warning", `silent ${since(a.last_heard, t)}`) : `${since(a.last_heard, t)} ago`)],
  ["lost", "number", loss, (a) => (loss(a) > 0.01 ? badge("warning", percent(loss(a))) : percent(loss(a)))],
  ["datagrams", "number", (a) => a.received, (a) => count(a.received)],
  ["told rate", "number", (a) => a.sampling[1], (a) => range(a.sampling, oneIn)],
  ["effective", "number", (a) => a.effective[1], (a) => range(a.effective, oneIn)],
  ["interfaces", "number", (a) => a.interfaces, (a) => [count(a.interfaces), a.down ? el("span", { className: "dim" }, ` (${count(a.down)} down)`) : ""]],
  ["conformance", "", gravity, (a) => (gravity(a) === 2 ? badge("warning", `${a.notes.length} to see`) : gravity(a) ? badge("info", `${a.notes.length} noted`) : badge("good", "as told"))],
  ["not decoded", "number", (a) => a.debt, (a) => (a.debt ? scaled(a.debt, "") : "–")],
];

export function agents(parameters, context) {
  return parameters.get("agent") ? one(parameters.get("agent"), context) : all(parameters, context);
}

function all(parameters, { signal, go }) {
  let every = [], shown = [], at = Date.now();
  let order = Math.max(0, columns.findIndex((c) => c[0] === parameters.get("order"))), down = parameters.get("down") === "1";
  const filter = el("input", { type: "search", placeholder: "name or address", "aria-label": "filter agents", value: parameters.get("filter") ?? "", spellcheck: "false" });
  const title = el("h2", {}, "Agents");
  const head = el("div", { className: "row head", role: "row" });
  const rows = list("agents", 34, (i) => el("a", { className: "agent", role: "row", href: href("agents", { agent: shown[i].agent }) },
    columns.map(([, kind, , write]) => el("span", { className: kind, role: "cell" }, write(shown[i], at)))), (i, key) => key === "Enter" && (go("agents", { agent: shown[i].agent }), true), "table");
  const none = el("div", {});
  const debt = el("div", {}, empty("Reading…"));

  const draw = () => {
    set(head, ...columns.map(([name, kind], i) => el("button", { type: "button", role: "columnheader", className: kind, "aria-sort": i === order ? (down ? "descending" : "ascending") : "none", onclick: () => { down = i === order ? !down : i > 0; order = i; keep(); draw(); } }, name)));
    const text = filter.value.trim().toLowerCase();
    shown = every.filter((a) => !text || `${a.agent} ${a.source} ${a.name ?? ""}`.toLowerCase().includes(text));
    const by = columns[order][2];
    shown.sort((x, y) => (by(x) < by(y) ? -1 : by(x) > by(y) ? 1 : 0) * (down ? -1 : 1) || (x.agent < y.agent ? -1 : 1));
    title.textContent = `${many(every.length, "agent")}${text ? `, ${count(shown.length)} shown` : ""}`;
    rows.update(shown.length);
    rows.element.hidden = head.hidden = !shown.length;
    set(none, shown.length ? "" : every.length ? empty("No agent fits.", "Take letters away.") : empty("No agent was heard yet.", "Point sFlow of switches and hypervisors at this machine, UDP port 6343; `weir sample` and `weir demo` help to begin."));
  };
  const keep = () => history.replaceState(null, "", href("agents", { filter: filter.value.trim(), order: order ? columns[order][0] : "", down: down ? "1" : "" }));
  filter.addEventListener("input", () => { keep(); draw(); });

  const ask = async () => {
    try {
      const [a, status] = await Promise.all([api("/api/v1/agents/overview", { signal }), api("/api/v1/status", { signal })]);
      every = a;
      at = Date.now();
      draw();
      set(debt, ...debts(status));
      document.body.dataset.shown = "agents";
    } catch (e) {
      if (e.name !== "AbortError") set(none, problem(e));
    }
  };
  ask();
  const timer = setInterval(() => { if (!document.hidden) ask(); }, 5000);
  return {
    title: "Agents",
    parts: [
      el("section", { className: "full" }, el("div", { className: "titled" }, title, filter), el("div", { className: "agents" }, head, rows.element), none),
      card("Not decoded", { className: "full" }, el("p", { className: "note" }, "Records and samples of formats that this weir skips by their length: data that is sent and not used."), debt),
    ],
    focus: filter,
    end() { clearInterval(timer); rows.end(); },
  };
}

function debts(status) {
  const all = [...(status.skipped_records ?? []).map((s) => ["record", s]), ...(status.samples ?? []).filter((s) => s.key !== "other" && /^other/.test(s.name ?? "")).map((s) => ["sample", s]), ...(status.errors ?? []).map((s) => ["error", s])];
  if (!all.length) return [empty("Nothing is skipped.", "Every structure that was sent is understood.")];
  return [table([["what"], ["format"], ["name"], ["count", "number"]], all.sort((a, b) => b[1].count - a[1].count).map(([what, s]) => [what === "error" ? badge("warning", "could not be read") : what, el("code", {}, s.key), s.name ?? "–", count(s.count)]))];
}

function one(name, { signal }) {
  const out = el("div", { className: "view" }, card("", {}, empty("Reading…")));
  let drawn = "";
  const ask = async () => {
    const a = await api(`/api/v1/agent?agent=${encodeURIComponent(name)}`, { signal });
    const text = JSON.stringify(a);
    if (text === drawn || out.querySelector("details[open]")) return;
    drawn = text;
    set(out, ...detail(a));
    document.body.dataset.shown = "agent";
  };
  const fail = (e) => { if (e.name !== "AbortError") set(out, card("", {}, problem(e), el("p", {}, link("agents", {}, "All agents")))); };
  ask().catch(fail);
  const timer = setInterval(() => ask().catch(() => {}), 3000);
  return { title: name, parts: [out], end: () => clearInterval(timer) };
}

function detail(a) {
  const i = a.info, silent = Date.now() - Date.parse(a.last_heard) > silentAfter;
  const interfaces = [...(i.interfaces ?? [])].sort((x, y) => used(y) - used(x) || x.index - y.index);
  return [
    el("section", { className: `hero ${silent ? "warning" : "good"}` },
      el("p", {}, badge(silent ? "warning" : "good", silent ? "silent" : "heard"), " ", el("span", { className: "dim" }, a.hypervisor ? "hypervisor" : "switch or host")),
      el("h2", {}, a.name ? `${a.name} (${a.agent})` : a.agent),
      el("p", { className: "dim" }, `from ${a.source} · last heard ${clock(a.last_heard)} · first ${clock(i.first_heard)} · ${count(a.received)} datagrams, ${percent(loss(a), 2)} lost`),
      el("p", { className: "actions" }, link("explore", { filter: `agent = ${a.agent}`, by: "src,dst,proto,dst_port", from: "-15m" }, "its flows"), link("site", { node: a.agent }, "in the site"))),
    card("Conformance", { className: "wide" }, a.notes.length ? el("ul", { className: "plain" }, a.notes.map((n) => el("li", {}, badge(n.matters ? "warning" : "info", n.matters ? "matters" : "noted"), " ", n.text))) : empty("It does as it says.", "Sequences, sampling rates, speeds and counters fit together.")),
    card("Sub-agents", {}, table([["id", "number"], ["heard"], ["up for", "number"], ["restarts", "number"], ["lost", "number"], ["late, twice", "number"]],
      (i.sub_agents ?? []).map((s) => [s.id, clock(s.last_heard), lasting(s.uptime_ns / 1e6), count(s.restarts), percent(share(s.datagrams), 2), `${count(s.datagrams.late)}, ${count(s.datagrams.duplicates)}`]))),
    card(`Interfaces (${count(interfaces.length)})`, { className: "full" }, interfaces.length ? table([["interface"], ["state"], ["speed", "number"], ["in", "number"], ["out", "number"], ["load", "load"], ["packets/s", "number"], ["errors/s", "number"], ["discards/s", "number"]],
      interfaces.slice(0, 500).map((f) => [
        el("span", {}, el("strong", {}, f.name || `ifIndex ${f.index}`), f.alias ? el("span", { className: "dim" }, ` ${f.alias}`) : ""),
        !f.counted ? el("span", { className: "dim" }, "no counters") : f.oper_up ? badge("good", "up") : f.admin_up ? badge("critical", "down") : badge("off", "off"),
        f.speed ? scaled(f.speed, "bit/s") : "–", bits(max0(f.in.bits_per_second)), bits(max0(f.out.bits_per_second)),
        f.speed ? el("span", { className: "withbar" }, bar(used(f)), percent(used(f))) : "–", scaled(max0(f.in.packets) + max0(f.out.packets), ""),
        scaled(max0(f.in.errors) + max0(f.out.errors), ""), scaled(max0(f.in.discards) + max0(f.out.discards), "")])) : empty("No interface was told yet.", "Counter samples come every polling interval of the agent, often 20 or 30 s."),
      interfaces.length > 500 ? el("p", { className: "note" }, `${count(interfaces.length - 500)} more, with less load, are in weir agents --json.`) : ""),
    card(`Data sources (${count((i.sources ?? []).length)})`, { className: "full" }, (i.sources ?? []).length ? table([["source"], ["told", "number"], ["effective", "number", "by sample_pool"], ["used", "number"], ["samples", "number"], ["lost", "number"], ["agent dropped", "number"], ["counters", "number"], ["direction"]],
      i.sources.slice(0, 500).map((s) => [el("code", {}, s.source), s.sampling_rate ? oneIn(s.sampling_rate) : "–", s.effective_rate ? oneIn(s.effective_rate) : "–", s.used_rate ? oneIn(s.used_rate) : "–", count(s.flows.received), percent(share(s.flows), 2), count(s.drops), count(s.counters.received), s.direction ?? "–"])) : empty("No data source was told yet.", "This agent sends statements, no samples.")),
    (i.debt ?? []).length ? card("Not decoded", { className: "full" }, el("p", { className: "note" }, "Records of formats that nobody here reads: sent, and not used."), table([["in samples of"], ["format"], ["name"], ["records", "number"]], i.debt.map((d) => [d.kind ?? "", el("code", {}, d.format), d.name ?? "–", count(d.count)]))) : null,
    (i.hosts ?? []).length ? card(`Hosts and virtual machines (${i.hosts.length})`, { className: "full" }, table([["name"], ["identity"], ["source"], ["system"]], i.hosts.slice(0, 500).map((h) => [el("strong", {}, h.name), el("code", {}, h.uuid ?? "–"), h.source, h.os_release ?? "–"]))) : null,
  ].filter((x) => x);
}

const max0 = (v) => Math.max(0, v ?? 0);
const used = (f) => (f.speed ? Math.max(max0(f.in?.bits_per_second), max0(f.out?.bits_per_second)) / f.speed : 0);
const share = (s) => (s.received + s.lost ? s.lost / (s.received + s.lost) : 0);
