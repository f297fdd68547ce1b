// Agents: who sends, what was lost, whether rates are what they say, and one
// agent with its interfaces.

import type { agents as registry, web } from "./api";
import { aborted, get } from "./ask";
import { badge, bar, bits, card, clock, count, el, empty, href, lasting, link, many, percent, problem, scaled, set, since, table } from "./dom";
import type { Child } from "./dom";
import { list } from "./list";
import type { Context, View } from "./view";

const loss = (a: web.AgentRow): number => (a.received + a.lost ? a.lost / (a.received + a.lost) : 0);
const range = ([least, most]: readonly [number, number]): string => (!most ? "–" : oneIn(least) === oneIn(most) ? oneIn(least) : `${oneIn(least)} … ${oneIn(most)}`);
const oneIn = (n: number): string => `1:${count(Math.round(n))}`;
const silentAfter = 60_000;
const gravity = (a: web.AgentRow): number => (a.notes.some((n) => n.matters) ? 2 : a.notes.length ? 1 : 0);

/** noted counts what is to be seen of an agent, and says it to who points there. */
const noted = (a: web.AgentRow, severity: string, what: string): Child => el("span", { title: a.notes.map((n) => n.text).join("\n") }, badge(severity, `${a.notes.length} ${what}`));

/** Column is one of the list: what it is sorted by, and what stands in it. */
interface Column {
  name: string;
  kind: string;
  by(a: web.AgentRow): string | number;
  write(a: web.AgentRow, now: number): Child;
}

const first: Column = { name: "agent", kind: "", by: (a) => a.name || a.agent, write: (a) => [el("strong", {}, a.name || a.agent), a.name ? el("span", { className: "dim" }, ` ${a.agent}`) : ""] };
const columns: readonly Column[] = [
  first,
  { name: "heard", kind: "number", by: (a) => -Date.parse(a.last_heard), write: (a, t) => (t - Date.parse(a.last_heard) > silentAfter ? badge("warning", `silent ${since(a.last_heard, t)}`) : `${since(a.last_heard, t)} ago`) },
  { name: "lost", kind: "number", by: loss, write: (a) => (loss(a) > 0.01 ? badge("warning", percent(loss(a))) : percent(loss(a))) },
  { name: "datagrams", kind: "number", by: (a) => a.received, write: (a) => count(a.received) },
  { name: "told rate", kind: "number", by: (a) => a.sampling[1], write: (a) => range(a.sampling) },
  { name: "effective", kind: "number", by: (a) => a.effective[1], write: (a) => range(a.effective) },
  { name: "interfaces", kind: "number", by: (a) => a.interfaces, write: (a) => [count(a.interfaces), a.down ? el("span", { className: "dim" }, ` (${count(a.down)} down)`) : ""] },
  { name: "conformance", kind: "", by: gravity, write: (a) => (gravity(a) === 2 ? noted(a, "warning", "to see") : gravity(a) ? noted(a, "info", "noted") : badge("good", "as told")) },
  { name: "not decoded", kind: "number", by: (a) => a.debt, write: (a) => (a.debt ? scaled(a.debt, "") : "–") },
];

export function agents(parameters: URLSearchParams, context: Context): View {
  const name = parameters.get("agent");
  return name ? one(name, context) : all(parameters, context);
}

/** narrow is a window in which the list has a few lines for each agent. */
const narrow = matchMedia("(max-width: 44rem)");

function all(parameters: URLSearchParams, { signal, go }: Context): View {
  let every: readonly web.AgentRow[] = [], shown: web.AgentRow[] = [], at = Date.now();
  let order = columns.find((c) => c.name === parameters.get("order")) ?? first, down = parameters.get("down") === "1";
  const filter = el("input", { type: "search", placeholder: "name or address", "aria-label": "filter agents", value: parameters.get("filter") ?? "", spellcheck: "false" });
  const title = el("h2", {}, "Agents");
  const head = el("div", { className: "row head", role: "row" });
  const row = (a: web.AgentRow): HTMLElement => el("a", { className: "agent", role: "row", href: href("agents", { agent: a.agent }) },
    columns.map(({ name, kind, write }) => el("span", { className: kind, role: "cell", "data-name": name }, write(a, at))));
  const rows = list("agents", {
    height: () => (narrow.matches ? 132 : 34),
    render(i) { const a = shown[i]; return a ? row(a) : el("div", {}); },
    open(i, key) {
      const a = shown[i];
      if (key !== "Enter" || !a) return false;
      go("agents", { agent: a.agent });
      return true;
    },
  }, "table");
  const none = el("div", {}, empty("Reading…"));
  const debt = el("div", {}, empty("Reading…"));

  const draw = (): void => {
    set(head, columns.map((c) => el("button", { type: "button", role: "columnheader", className: c.kind, "aria-sort": c === order ? (down ? "descending" : "ascending") : "none", onclick: () => { down = c === order ? !down : c !== first; order = c; keep(); draw(); } }, c.name)));
    const text = filter.value.trim().toLowerCase();
    shown = every.filter((a) => !text || `${a.agent} ${a.source} ${a.name ?? ""}`.toLowerCase().includes(text));
    const { by } = order;
    shown.sort((x, y) => (by(x) < by(y) ? -1 : by(x) > by(y) ? 1 : 0) * (down ? -1 : 1) || (x.agent < y.agent ? -1 : 1));
    title.textContent = `${many(every.length, "agent")}${text ? `, ${count(shown.length)} shown` : ""}`;
    rows.update(shown.length);
    rows.element.hidden = head.hidden = !shown.length;
    set(none, shown.length ? "" : every.length ? empty("No agent fits.", "Take letters away.") : empty("No agent was heard yet.", "Point sFlow of switches and hypervisors at this machine, UDP port 6343; `weir sample` and `weir demo` help to begin."));
  };
  const keep = (): void => history.replaceState(null, "", href("agents", { filter: filter.value.trim(), order: order === first ? "" : order.name, down: down ? "1" : "" }));
  filter.addEventListener("input", () => { keep(); draw(); });
  narrow.addEventListener("change", draw, { signal });

  const ask = async (): Promise<void> => {
    try {
      const [a, status] = await Promise.all([get("/api/v1/agents/overview", {}, signal), get("/api/v1/status", {}, signal)]);
      every = a;
      at = Date.now();
      draw();
      set(debt, debts(status));
      document.body.dataset.shown = "agents";
    } catch (e) {
      if (!aborted(e)) set(none, problem(e));
    }
  };
  void ask();
  const timer = setInterval(() => { if (!document.hidden) void ask(); }, 5000);
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

function debts(status: web.Status): HTMLElement {
  const badly = badge("warning", "could not be read");
  const all: { what: Child; of: web.Count }[] = [
    ...status.skipped_records.map((of) => ({ what: "record", of })),
    ...status.samples.filter((of) => of.key !== "other" && (of.name ?? "").startsWith("other")).map((of) => ({ what: "sample", of })),
    ...status.errors.map((of) => ({ what: badly.cloneNode(true), of })),
  ];
  if (!all.length) return empty("Nothing is skipped.", "Every structure that was sent is understood.");
  return table([["what"], ["format"], ["name"], ["count", "number"]], all.sort((a, b) => b.of.count - a.of.count).map(({ what, of }) => [what, el("code", {}, of.key), of.name ?? "–", count(of.count)]));
}

function one(name: string, { signal }: Context): View {
  const out = el("div", { className: "view" }, card("", {}, empty("Reading…")));
  let drawn = "";
  const ask = async (): Promise<void> => {
    const a = await get("/api/v1/agent", { agent: name }, signal);
    const text = JSON.stringify(a);
    if (text === drawn || out.querySelector("details[open]")) return;
    drawn = text;
    set(out, summary(a), a.info ? detail(a.info) : null);
    document.body.dataset.shown = "agent";
  };
  const fail = (e: unknown): void => { if (!aborted(e)) set(out, card("", {}, problem(e), el("p", {}, link("agents", {}, "All agents")))); };
  ask().catch(fail);
  const timer = setInterval(() => { ask().catch(() => { /* what was read stays */ }); }, 3000);
  return { title: name, parts: [out], end: () => clearInterval(timer) };
}

function summary(a: web.AgentDetail): Child {
  const silent = Date.now() - Date.parse(a.last_heard) > silentAfter;
  return [
    el("section", { className: `hero ${silent ? "warning" : "good"}` },
      el("p", {}, badge(silent ? "warning" : "good", silent ? "silent" : "heard"), " ", el("span", { className: "dim" }, a.hypervisor ? "hypervisor" : "switch or host")),
      el("h2", {}, a.name ? `${a.name} (${a.agent})` : a.agent),
      el("p", { className: "dim" }, `from ${a.source} · last heard ${clock(a.last_heard)} · first ${clock(a.info?.first_heard)} · ${count(a.received)} datagrams, ${percent(loss(a), 2)} lost`),
      el("p", { className: "actions" }, link("explore", { filter: `agent = ${a.agent}`, by: "src,dst,proto,dst_port", from: "-15m" }, "its flows"), link("site", { node: a.agent }, "in the site"))),
    card("Conformance", { className: "full" }, a.notes.length ? el("ul", { className: "plain" }, a.notes.map((n) => el("li", {}, badge(n.matters ? "warning" : "info", n.matters ? "matters" : "noted"), " ", n.text))) : empty("It does as it says.", "Sequences, sampling rates, speeds and counters fit together.")),
  ];
}

function detail(i: registry.AgentInfo): Child {
  const interfaces = [...(i.interfaces ?? [])].sort((x, y) => used(y) - used(x) || x.index - y.index), sources = i.sources ?? [], debt = i.debt ?? [], hosts = i.hosts ?? [];
  return [
    card("Sub-agents", { className: "full" }, table([["id", "number"], ["heard"], ["up for", "number"], ["restarts", "number"], ["lost", "number"], ["late, twice", "number"]],
      (i.sub_agents ?? []).map((s) => [s.id, clock(s.last_heard), lasting(s.uptime_ns / 1e6), count(s.restarts), percent(share(s.datagrams), 2), `${count(s.datagrams.late)}, ${count(s.datagrams.duplicates)}`]))),
    card(`Interfaces (${count(interfaces.length)})`, { className: "full" }, interfaces.length ? table([["interface"], ["state"], ["speed", "number"], ["in", "number"], ["out", "number"], ["load", "load"], ["packets/s", "number"], ["errors/s", "number"], ["discards/s", "number"]],
      interfaces.slice(0, 500).map((f) => [
        el("span", {}, el("strong", {}, f.name || `ifIndex ${f.index}`), f.alias ? el("span", { className: "dim" }, ` ${f.alias}`) : ""),
        !f.counted ? el("span", { className: "dim" }, "no counters") : f.oper_up ? badge("good", "up") : f.admin_up ? badge("critical", "down") : badge("off", "off"),
        f.speed ? scaled(f.speed, "bit/s") : "–", bits(max0(f.in.bits_per_second)), bits(max0(f.out.bits_per_second)),
        f.speed ? el("span", { className: "withbar" }, bar(used(f)), percent(used(f))) : "–", scaled(max0(f.in.packets) + max0(f.out.packets), ""),
        scaled(max0(f.in.errors) + max0(f.out.errors), ""), scaled(max0(f.in.discards) + max0(f.out.discards), "")])) : empty("No interface was told yet.", "Counter samples come every polling interval of the agent, often 20 or 30 s."),
      interfaces.length > 500 ? el("p", { className: "note" }, `${count(interfaces.length - 500)} more, with less load, are in weir agents --json.`) : ""),
    card(`Data sources (${count(sources.length)})`, { className: "full" }, sources.length ? table([["source"], ["told", "number"], ["effective", "number", "by sample_pool"], ["used", "number"], ["samples", "number"], ["lost", "number"], ["agent dropped", "number"], ["counters", "number"], ["direction"]],
      sources.slice(0, 500).map((s) => [el("code", {}, s.source), s.sampling_rate ? oneIn(s.sampling_rate) : "–", s.effective_rate ? oneIn(s.effective_rate) : "–", s.used_rate ? oneIn(s.used_rate) : "–", count(s.flows.received), percent(share(s.flows), 2), count(s.drops), count(s.counters.received), s.direction ?? "–"])) : empty("No data source was told yet.", "This agent sends statements, no samples.")),
    debt.length ? card("Not decoded", { className: "full" }, el("p", { className: "note" }, "Records of formats that nobody here reads: sent, and not used."), table([["in samples of"], ["format"], ["name"], ["records", "number"]], debt.map((d) => [d.kind, el("code", {}, d.format), d.name ?? "–", count(d.count)]))) : null,
    hosts.length ? card(`Hosts and virtual machines (${hosts.length})`, { className: "full" }, table([["name"], ["identity"], ["source"], ["system"]], hosts.slice(0, 500).map((h) => [el("strong", {}, h.name), el("code", {}, h.uuid ?? "–"), h.source, h.os_release ?? "–"]))) : null,
  ];
}

/** max0 is a rate, 0 where it is unknown. */
const max0 = (v: number | null): number => Math.max(0, v ?? 0);
const used = (f: registry.InterfaceInfo): number => (f.speed ? Math.max(max0(f.in.bits_per_second), max0(f.out.bits_per_second)) / f.speed : 0);
const share = (s: registry.SequenceInfo): number => (s.received + s.lost ? s.lost / (s.received + s.lost) : 0);
