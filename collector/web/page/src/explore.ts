// Explore: who talked to whom, from the flow samples on this machine's disk.

import type { flows } from "./api";
import { Problem, aborted, get } from "./ask";
import { chart, colors } from "./chart";
import type { Chart, Series } from "./chart";
import { bar, card, count, csv, download, el, empty, href, interval, lasting, many, octets, problem, protocol, scaled, set, swatch, table } from "./dom";
import type { Child, Column } from "./dom";
import type { Context, View } from "./view";

/** Question is what history is asked. */
export type Question = Readonly<{ filter: string; by: string; from: string; to: string; top: string }>;

const spans = [["5 min", "-5m"], ["15 min", "-15m"], ["1 h", "-1h"], ["6 h", "-6h"], ["24 h", "-1d"], ["7 d", "-7d"]] as const;
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
const ready: readonly (readonly [string, Partial<Question>])[] = [
  ["Top talkers", { by: "src,dst,proto,dst_port" }], ["Destinations", { by: "dst" }], ["Services", { by: "proto,dst_port" }],
  ["Instances", { by: "src_instance,dst_instance" }], ["Where it is seen", { by: "agent,input,output" }], ["Web", { filter: "proto = tcp and (dst_port = 80 or dst_port = 443)", by: "src,dst" }], ["DNS", { filter: "dst_port = 53", by: "src,dst" }],
];

/** moment reads what people write for a time: -1h, now, 15:04, or whole; NaN where it is none. */
export function moment(text: string, now = Date.now()): number {
  if (text === "now" || !text) return now;
  const rel = /^-(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (rel && text.length > 1) return now - 1000 * [86400, 3600, 60, 1].reduce((n, size, i) => n + size * Number(rel[i + 1] ?? 0), 0);
  const day = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text);
  if (day) return new Date(now).setHours(Number(day[1]), Number(day[2]), Number(day[3] ?? 0), 0);
  return Date.parse(text);
}

const columnsOf = (text: string): string[] => text.split(",").map((s) => s.trim()).filter((s) => s);
const cell = (column: string | undefined, v: string): string => (column === "proto" ? protocol(v) : v) || "–";
const named = (by: readonly string[], key: readonly string[]): string => (key ?? []).map((k, i) => cell(by[i], k)).join(" · ") || "all";

/** Panel is an answer of history. */
export interface Panel {
  element: HTMLElement;
  end(): void;
}

/** flowsPanel asks history and shows a chart and a table of what it says. */
export function flowsPanel(q: Question, signal: AbortSignal, told: (e: unknown, answer: flows.Result | null) => void = () => { /* nobody wants it */ }): Panel {
  const out = el("div", { className: "answer" }, empty("Reading history…"));
  const picture = chart("flows over time"), short = el("p", { className: "note", hidden: true });
  const ask = async (): Promise<void> => {
    const by = columnsOf(q.by);
    const at = Date.now(), from = moment(q.from || "-15m", at), to = moment(q.to || "now", at);
    const step = steps.find((s) => (to - from) / 1000 / s <= 90) ?? 86400;
    try {
      const all = await get("/api/v1/flows", q, signal);
      told(null, all);
      if (!all.rows.length) {
        set(out, empty("No flow sample fits.", q.filter ? "Take a word out of the filter, or look at more time." : "Nothing was sampled in that time: see which agents are heard."), (all.notes ?? []).map((n) => el("p", { className: "note" }, n)));
        return;
      }
      set(out, picture.element, short, summary(all), rows(by, all, q));
      // After a fixed beginning a later now would put more into the last step than its length says.
      const fixed = q.from && !q.from.startsWith("-") && Number.isFinite(to);
      const over = await get("/api/v1/flows", { ...q, to: fixed ? new Date(to).toISOString() : q.to, step: `${step}s`, top: colors.length }, signal);
      draw(picture, over, from, to, step, by, out, short);
    } catch (e) {
      if (aborted(e)) return;
      set(out, problem(e));
      told(e, null);
    }
  };
  void ask();
  return { element: out, end: () => picture.end() };
}

function draw(picture: Chart, answer: flows.Result, from: number, to: number, step: number, by: readonly string[], out: Element, short: HTMLElement): void {
  // The last step may not be over: its rate is over what there is of it.
  const all = Math.ceil((to - from) / 1000 / step);
  const lasts = (i: number): number => Math.min(step, (to - from) / 1000 - i * step);
  const n = Math.max(2, lasts(all - 1) < 0.3 * step ? all - 1 : all);
  const times = Array.from({ length: n }, (_, i) => Math.min(to, from + (i + 0.5) * step * 1000));
  short.hidden = !answer.rows.some((r) => (r.step ?? 0) >= n);
  short.textContent = `Not in the chart yet, and in the table: the last ${lasting(to - from - n * step * 1000)}, of a step of ${lasting(step * 1000)}.`;
  const series = new Map<string, Series>();
  for (const r of answer.rows) {
    const name = named(by, r.key), at = r.step ?? 0;
    const one = series.get(name) ?? { name, color: colors[series.size % colors.length] ?? "", v: times.map(() => 0), low: times.map(() => 0), high: times.map(() => 0) };
    series.set(name, one);
    if (at >= n) continue;
    const seconds = Math.max(lasts(at), 0.1);
    [one.v[at], one.low[at], one.high[at]] = [(8 * r.bytes) / seconds, (8 * r.low) / seconds, (8 * r.high) / seconds];
  }
  picture.draw({ times, unit: "bit/s", from, to, series: [...series.values()] });
  for (const row of out.querySelectorAll<HTMLElement>("[data-name]")) {
    const one = series.get(row.dataset.name ?? "");
    if (one) row.querySelector("rect")?.setAttribute("fill", one.color);
  }
}

const summary = (a: flows.Result): Child => el("p", { className: "note" }, `${many(a.keys, "key")}, ${octets(a.total.bytes)} (${interval(a.total.low, a.total.high, "B")}) in ${many(a.total.samples, "sample")} · ${many(a.scanned, "row")} of ${many(a.files, "file")} read` +
  (a.skipped ? `, ${many(a.skipped, "part")} ruled out unread` : "") + (a.broken ? ` · ${a.broken}` : ""), (a.notes ?? []).map((n) => [el("br", {}), n]));

function rows(by: readonly string[], a: flows.Result, q: Question): Child {
  const most = Math.max(1, ...a.rows.map((x) => x.bytes));
  const mark = (x: flows.Sum): Child => el("span", { "data-name": named(by, x.key) }, swatch("var(--line)"));
  const narrow = (column: string, v: string): Child => {
    if (!v) return "–";
    // An instance whose name several have is told with its UUID; of an address of several no name says which.
    const of = column.endsWith("_instance") ? / or /.test(v) ? "" : `"${(/ \(([-0-9a-f]{36})\)$/.exec(v)?.[1] ?? v).replaceAll('"', "")}"` : v;
    if (!of) return cell(column, v);
    const more = `${column.endsWith("_instance") ? "instance" : column} = ${of}`;
    const filter = q.filter ? `(${q.filter}) and ${more}` : more;
    return el("a", { href: href("explore", { ...q, filter }), title: `only ${more}` }, cell(column, v));
  };
  return table([["", "swatches"], ...by.map((b): Column => [b.replaceAll("_", " ")]), ["volume", "number"], ["95 % interval", "number"], ["", "load"], ["packets", "number"], ["95 % interval", "number"], ["samples", "number"], ["seen at", "number", "vantage points that saw it"]],
    a.rows.map((x) => [mark(x), ...(x.key ?? []).map((k, i) => narrow(by[i] ?? "", k)), octets(x.bytes), interval(x.low, x.high, "B"), bar((x.bytes / most) * 0.7), scaled(x.packets, ""), interval(x.packets_low, x.packets_high, ""), count(x.samples), count(x.points)]));
}

/** suggest completes the word at the cursor with what the parser says would fit. */
function suggest(input: HTMLInputElement, box: HTMLElement, signal: AbortSignal): void {
  let wait = 0, fits: string[] = [], at = -1;
  const cursor = (): number => input.selectionStart ?? input.value.length;
  const word = (): string => /[^\s()=<>!,]*$/.exec(input.value.slice(0, cursor()))?.[0] ?? "";
  const close = (): void => { box.hidden = true; at = -1; input.setAttribute("aria-expanded", "false"); };
  const take = (w: string): void => {
    const end = cursor(), begin = end - word().length;
    input.value = `${input.value.slice(0, begin)}${w} ${input.value.slice(end)}`;
    input.focus();
    input.setSelectionRange(begin + w.length + 1, begin + w.length + 1);
    look();
  };
  const mark = (): void => [...box.children].forEach((c, i) => c.setAttribute("aria-selected", String(i === at)));
  const show = (list: readonly string[]): void => {
    fits = list.slice(0, 12);
    at = -1;
    if (!fits.length) { close(); return; }
    set(box, fits.map((w) => el("li", { role: "option", onpointerdown: (e) => { e.preventDefault(); take(w); } }, w)));
    box.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const look = (): void => {
    clearTimeout(wait);
    wait = window.setTimeout(async () => {
      const w = word(), before = input.value.slice(0, cursor() - w.length);
      const answer = await get("/api/v1/flows/filter", { filter: `${before}\u00a7` }, signal).catch(() => null);
      const list = (answer?.fits ?? []).filter((f) => f.toLowerCase().startsWith(w.toLowerCase()) && f !== w);
      if (document.activeElement === input) show(list);
    }, 120);
  };
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (box.hidden) return;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { at = (at + (e.key === "ArrowDown" ? 1 : -1) + fits.length) % fits.length; mark(); e.preventDefault(); }
    else if ((e.key === "Enter" || e.key === "Tab") && at >= 0) { take(fits[at] ?? word()); e.preventDefault(); }
    else if (e.key === "Escape") { close(); e.preventDefault(); e.stopPropagation(); }
  });
}

/** timeInput takes a time, and has room for a whole one. */
export const timeInput = (name: string, value: string): HTMLInputElement =>
  el("input", { name, value, spellcheck: "false", size: value.length > 10 ? "22" : "10" });

/** caret shows where in the filter something is wrong. */
function caret(text: string, e: Problem): string {
  const bytes = new TextEncoder().encode(text), decode = (from: number, to: number): string => new TextDecoder().decode(bytes.slice(from, to));
  const before = [...decode(0, e.offset)].length, meant = Math.max(1, [...decode(e.offset, e.end)].length);
  return `${text}\n${" ".repeat(before)}${"^".repeat(meant)}\n${e.message}`;
}

/** exported are the buttons that give an answer away. */
function exported(q: Question, answer: flows.Result): Child {
  const all = [[...columnsOf(q.by), "bytes", "low", "high", "packets", "packets_low", "packets_high", "samples", "points"], ...answer.rows.map((r) => [...(r.key ?? []), r.bytes, r.low, r.high, r.packets, r.packets_low, r.packets_high, r.samples, r.points])];
  const copied = (said: string) => () => { link.textContent = said; };
  const link = el("button", { type: "button", onclick: () => void navigator.clipboard.writeText(location.href).then(copied("copied"), copied("not allowed")) }, "link");
  return [
    el("button", { type: "button", onclick: () => download("weir-flows.csv", "text/csv", csv(all)) }, "CSV"),
    el("button", { type: "button", onclick: () => download("weir-flows.json", "application/json", JSON.stringify({ query: q, ...answer }, null, 1)) }, "JSON"),
    window.isSecureContext ? link : null, // elsewhere browsers have no clipboard
  ];
}

export function explore(parameters: URLSearchParams, { signal, go }: Context): View {
  const value = (name: string, other: string): string => parameters.get(name) ?? other;
  const filter = el("input", { name: "filter", value: value("filter", ""), spellcheck: "false", autocomplete: "off", placeholder: "such as: src = 10.0.0.5 and dst_port = 443", role: "combobox", "aria-expanded": "false", "aria-controls": "fits", "aria-label": "filter" });
  const fits = el("ul", { id: "fits", className: "fits", role: "listbox", hidden: true });
  const wrong = el("pre", { className: "problem", role: "alert", hidden: true });
  const by = el("input", { name: "by", value: value("by", "src,dst,proto,dst_port"), spellcheck: "false", autocomplete: "off", list: "columns" });
  const columns = el("datalist", { id: "columns" });
  const from = timeInput("from", value("from", "-15m")), to = timeInput("to", value("to", "now"));
  const top = el("input", { name: "top", value: value("top", "20"), inputmode: "numeric", size: "5" });
  const field = (label: string, wide: string, ...e: Child[]): Child => el("label", { className: wide }, label, ...e);
  const exports = el("span", { className: "exports" });
  const read = (i: HTMLInputElement): string => i.value.trim();
  const current = (): Question => ({ filter: read(filter), by: read(by), from: read(from), to: read(to), top: read(top) });
  const submit = (change: Partial<Question> = {}): void => go("explore", { ...current(), ...change });
  const chip = (text: string, pressed: boolean, onclick: () => void): Child => el("button", { type: "button", className: "chip", "aria-pressed": String(pressed), onclick }, text);
  const picked = el("div", { className: "chips", role: "group", "aria-label": "time range" }, spans.map(([text, v]) => chip(text, from.value === v && to.value === "now", () => submit({ from: v, to: "now" }))));
  const examples = el("div", { className: "chips", role: "group", "aria-label": "questions" }, ready.map(([text, q]) => chip(text, false, () => submit({ filter: "", ...q }))));
  const form = el("form", { "aria-label": "query", onsubmit: (e) => { e.preventDefault(); submit(); } },
    field("filter", "wide", el("span", { className: "combo" }, filter, fits)), field("sum by", "by", by, columns), field("from", "", from), field("to", "", to), field("top", "", top),
    el("button", { type: "submit", className: "primary" }, "Ask"));
  suggest(filter, fits, signal);
  get("/api/v1/flows/columns", {}, signal).then((all) => {
    set(columns, all.map((c) => el("option", { value: c })));
    by.title = `any of ${all.join(", ")}, with commas`;
  }, () => { /* they are an aid alone */ });

  const told = (e: unknown, answer: flows.Result | null): void => {
    wrong.hidden = true;
    if (answer) set(exports, exported(current(), answer));
    if (!(e instanceof Problem) || e.offset < 0) return;
    wrong.hidden = false;
    wrong.textContent = caret(filter.value, e);
    set(panel.element, empty("The filter is not understood yet.", "The caret is where; pick a word that fits."));
  };
  const panel = flowsPanel(current(), signal, told);
  return {
    title: "Explore",
    parts: [
      card("", { className: "full asking" }, form, wrong, el("div", { className: "under" }, picked, examples)),
      el("section", { className: "full" }, el("div", { className: "titled" }, el("h2", {}, "Flows"), exports), panel.element),
    ],
    focus: filter,
    end: () => panel.end(),
  };
}
