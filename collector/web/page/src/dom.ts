// What all views are made of. What comes from the network is only ever set as
// text: nothing here reads markup.

const space = "http://www.w3.org/2000/svg";

/** Child is what stands in an element: elements, text, lists of them; nothing is left out. */
export type Child = Node | string | number | false | null | undefined | readonly Child[];

type Attribute = string | number | boolean | null | undefined;

/** Attributes are set where they are something; handlers are told of events. */
export interface Attributes {
  onclick?: (e: MouseEvent) => void;
  onpointerdown?: (e: PointerEvent) => void;
  onchange?: (e: Event) => void;
  onsubmit?: (e: SubmitEvent) => void;
  [name: string]: Attribute | ((e: never) => void);
}

const there = (children: readonly Child[]): (Node | string)[] =>
  children.flatMap((c) => (c === undefined || c === null || c === false ? [] : c instanceof Node ? [c] : typeof c === "object" ? there(c) : [String(c)]));

/** like are the elements in e that lead where x does, have its name, or else say the same. */
function like(e: Element, x: Element): HTMLElement[] {
  const key = (y: Element): string => y.getAttribute("href") ?? y.getAttribute("name") ?? String(y.textContent);
  return [...e.querySelectorAll<HTMLElement>(x.tagName)].filter((y) => key(y) === key(x));
}

/** set replaces what is in e; what is nothing is left out. The focus stays where it is, on what is there in place of what had it. */
export function set(e: Element, ...children: Child[]): void {
  const held = document.activeElement;
  if (!held || held === e || !e.contains(held)) { e.replaceChildren(...there(children)); return; }
  const at = like(e, held).indexOf(held as HTMLElement);
  e.replaceChildren(...there(children));
  const now = like(e, held);
  (now[at] ?? now[0])?.focus({ preventScroll: true });
}

function fill<E extends Element>(e: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [k, v] of Object.entries(attributes)) {
    if (v === undefined || v === null || v === false) continue;
    if (typeof v === "function") e.addEventListener(k.slice(2), v as EventListener);
    else e.setAttribute(k === "className" ? "class" : k, v === true ? "" : String(v));
  }
  e.append(...there(children));
  return e;
}

/** el makes an element: attributes and on… handlers, then children as elements or text. */
export const el = <K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes, ...children: Child[]): HTMLElementTagNameMap[K] =>
  fill(document.createElement(name), attributes, children);

/** svg is el for a picture. */
export const svg = <K extends keyof SVGElementTagNameMap>(name: K, attributes: Attributes, ...children: Child[]): SVGElementTagNameMap[K] =>
  fill(document.createElementNS(space, name), attributes, children);

const prefixes = ["", "k", "M", "G", "T", "P"];

/** parts are three digits of a number, and the prefix of its unit. */
function parts(v: number): [digits: string, prefix: string, n: number] {
  let n = 0;
  let x = Math.abs(v);
  while (x >= 999.5 && n < prefixes.length - 1) { x /= 1000; n++; }
  const digits = n === 0 ? (x < 10 && x % 1 ? 1 : 0) : x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
  return [(v < 0 ? "-" : "") + x.toFixed(digits), prefixes[n] ?? "", n];
}

/** scaled writes 1.23 Gbit/s. */
export function scaled(v: number, unit: string): string {
  if (!Number.isFinite(v)) return "–";
  const [digits, prefix] = parts(v);
  return `${digits} ${prefix}${unit}`.trimEnd();
}

/** interval writes 1.20–1.31 Gbit/s, both in the unit of the greater. */
export function interval(low: number, high: number, unit: string): string {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "–";
  const [digits, prefix, n] = parts(high);
  const after = digits.includes(".") ? digits.length - digits.indexOf(".") - 1 : 0;
  return `${(low / 1000 ** n).toFixed(after)}–${digits} ${prefix}${unit}`;
}

export const bits = (v: number): string => scaled(v, "bit/s");
export const octets = (v: number): string => scaled(v, "B");
export const count = (v = 0): string => v.toLocaleString("en").replaceAll(",", " ");
/** many writes 1 bridge, 2 bridges. */
export const many = (n: number, one: string, more = `${one}s`): string => `${count(n)} ${n === 1 ? one : more}`;
export const percent = (v: number, digits = 1): string => `${(100 * v).toFixed(digits)} %`;

const two = (n: number): string => String(n).padStart(2, "0");

/** clock writes 14:03:09 of today, with the date of any other day. */
export function clock(t: string | number | undefined, milliseconds = false): string {
  const d = new Date(t ?? NaN);
  if (Number.isNaN(d.getTime())) return "–";
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}` + (milliseconds ? `.${String(d.getMilliseconds()).padStart(3, "0")}` : "");
  const today = new Date();
  return d.toDateString() === today.toDateString() ? time : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`;
}

/** lasting writes 8 ms, 4 s, 12 min, 3 h 20 min, 2 d. */
export function lasting(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1).replace(".0", "")} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
  return `${Math.round(s / 86400)} d`;
}

export const since = (t: string | undefined, now = Date.now()): string => lasting(now - Date.parse(t ?? ""));
export const words = (s: string): string => s.replaceAll("_", " ");

/** time is a moment with its full text to be read on it. */
export const time = (t: string, milliseconds = false): Child =>
  (Number.isNaN(Date.parse(t)) ? "–" : el("time", { datetime: t, title: new Date(t).toISOString() }, clock(t, milliseconds)));

export const badge = (severity: string, text = severity): HTMLElement => el("span", { className: `badge ${known(severity)}` }, text);

const severities = ["good", "info", "warning", "critical", "off", "unseen", "ended"];
export const known = (s: string): string => (severities.includes(s) ? s : "info");

/** Query is what a view is asked to show. */
export type Query = Readonly<Record<string, string | undefined>>;

/** href leads to a view: every view is a URL. */
export const href = (view: string, parameters: Query = {}): string => {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(parameters)) if (v) q.set(k, v);
  return `#${view}${String(q) ? `?${String(q)}` : ""}`;
};
export const link = (view: string, parameters: Query, ...children: Child[]): HTMLElement => el("a", { href: href(view, parameters) }, ...children);

/** empty explains why there is nothing to be seen. */
export const empty = (what: string, why = ""): HTMLElement => el("p", { className: "empty" }, el("strong", {}, what), why ? ` ${why}` : "");
export const problem = (e: unknown): HTMLElement => el("p", { className: "problem", role: "alert" }, e instanceof Error ? e.message : String(e));
export const card = (title: string, attributes: Attributes, ...children: Child[]): HTMLElement =>
  el("section", { "aria-label": title, ...attributes }, title ? el("h2", {}, title) : null, ...children);

export type Column = readonly [name: string, kind?: string, title?: string];

/** table has columns and rows of texts and elements. */
export function table(columns: readonly Column[], rows: readonly (readonly Child[])[]): HTMLElement {
  const stacked = columns.some(([, kind]) => kind === "long"); // in a narrow window
  return el("div", { className: "scroll" }, el("table", { className: stacked && "stacked" },
    el("thead", {}, el("tr", {}, columns.map(([name, kind, title]) => el("th", { className: kind, scope: "col", title }, name)))),
    el("tbody", {}, rows.map((r) => el("tr", {}, r.map((c, i) => el("td", { className: columns[i]?.[1], "data-name": stacked && columns[i]?.[0] }, c)))))));
}

/** bar shows a share from 0 to 1; beyond 0.9 it alarms. */
export function bar(share: number, title = percent(share)): SVGElement {
  const s = svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: `bar ${share > 0.9 ? "critical" : share > 0.7 ? "warning" : ""}`, role: "img", "aria-label": title });
  s.append(svg("rect", { class: "ground", width: 100, height: 8, rx: 2 }), svg("rect", { class: "filled", width: Math.max(0, Math.min(share, 1)) * 100, height: 8, rx: 2 }));
  return s;
}

export const swatch = (color: string): SVGElement => svg("svg", { class: "swatch", viewBox: "0 0 8 8", "aria-hidden": "true" }, svg("rect", { width: 8, height: 8, rx: 1.5, fill: color }));

const protocols = new Map([[1, "ICMP"], [2, "IGMP"], [6, "TCP"], [17, "UDP"], [47, "GRE"], [50, "ESP"], [58, "ICMPv6"], [89, "OSPF"], [132, "SCTP"]]);
export const protocol = (p: string | number = ""): string => (p === "" ? "" : protocols.get(Number(p)) ?? `protocol ${p}`);

/** download gives what is shown to the visitor as a file. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = el("a", { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** csv quotes cells; what a spreadsheet would run is made text. */
export const csv = (rows: readonly (readonly (string | number)[])[]): string => rows.map((r) => r.map((c) => {
  let s = String(c);
  if (typeof c !== "number" && /^[=+\-@\t\r]/.test(s)) s = `'${s}`;
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}).join(",")).join("\r\n") + "\r\n";
