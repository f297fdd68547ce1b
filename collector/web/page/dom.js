// What all views are made of. What comes from the network is only ever set as
// text: nothing here reads markup.

const space = "http://www.w3.org/2000/svg";

const there = (children) => children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false);

/** set replaces what is in e; what is nothing is left out. */
export const set = (e, ...children) => e.replaceChildren(...there(children));

function fill(e, attributes, children) {
  for (const [k, v] of Object.entries(attributes ?? {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k === "className" ? "class" : k, v === true ? "" : String(v));
  }
  for (const c of there(children)) e.append(c instanceof Node ? c : document.createTextNode(String(c)));
  return e;
}

/** el makes an element: attributes and on… handlers, then children as elements or text. */
export const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/** svg is el for a picture. */
export const svg = (name, attributes, ...children) => fill(document.createElementNS(space, name), attributes, children);

const prefixes = ["", "k", "M", "G", "T", "P"];

/** parts are three digits of a number, and the prefix of its unit. */
function parts(v) {
  let n = 0;
  let x = Math.abs(v);
  while (x >= 999.5 && n < prefixes.length - 1) { x /= 1000; n++; }
  const digits = n === 0 ? (x < 10 && x % 1 ? 1 : 0) : x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
  return [(v < 0 ? "-" : "") + x.toFixed(digits), prefixes[n], n];
}

/** scaled writes 1.23 Gbit/s. */
export function scaled(v, unit) {
  if (!Number.isFinite(v)) return "–";
  const [digits, prefix] = parts(v);
  return `${digits} ${prefix}${unit}`.trimEnd();
}

/** interval writes 1.20–1.31 Gbit/s, both in the unit of the greater. */
export function interval(low, high, unit) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "–";
  const [digits, prefix, n] = parts(high);
  const after = digits.includes(".") ? digits.length - digits.indexOf(".") - 1 : 0;
  return `${(low / 1000 ** n).toFixed(after)}–${digits} ${prefix}${unit}`;
}

export const bits = (v) => scaled(v, "bit/s");
export const octets = (v) => scaled(v, "B");
export const count = (v) => Number(v ?? 0).toLocaleString("en").replaceAll(",", " ");
/** many writes 1 bridge, 2 bridges. */
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const percent = (v, digits = 1) => `${(100 * v).toFixed(digits)} %`;

const two = (n) => String(n).padStart(2, "0");

/** clock writes 14:03:09 of today, with the date of any other day. */
export function clock(t, milliseconds) {
  const d = new Date(t);
  if (Number.isNaN(d.getTime())) return "–";
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}` + (milliseconds ? `.${String(d.getMilliseconds()).padStart(3, "0")}` : "");
  const today = new Date();
  return d.toDateString() === today.toDateString() ? time : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`;
}

/** lasting writes 8 ms, 4 s, 12 min, 3 h 20 min, 2 d. */
export function lasting(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1).replace(".0", "")} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
  return `${Math.round(s / 86400)} d`;
}

export const since = (t, now = Date.now()) => lasting(now - Date.parse(t));
export const words = (s) => String(s ?? "").replaceAll("_", " ");

/** time is a moment with its full text to be read on it. */
export const time = (t, milliseconds) => el("time", { datetime: t, title: new Date(t).toISOString() }, clock(t, milliseconds));

export const badge = (severity, text) => el("span", { className: `badge ${known(severity)}` }, text ?? severity);

const severities = ["good", "info", "warning", "critical", "off", "unseen", "ended"];
export const known = (s) => (severities.includes(s) ? s : "info");

/** link leads to a view: every view is a URL. */
export const href = (view, parameters = {}) => {
  const q = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== "" && v !== undefined && v !== null));
  return `#${view}${q.size ? `?${q}` : ""}`;
};
export const link = (view, parameters, ...children) => el("a", { href: href(view, parameters) }, ...children);

/** empty explains why there is nothing to be seen. */
export const empty = (what, why) => el("p", { className: "empty" }, el("strong", {}, what), why ? ` ${why}` : "");
export const problem = (e) => el("p", { className: "problem", role: "alert" }, e?.message ?? String(e));
export const card = (title, attributes, ...children) =>
  el("section", { "aria-label": title, ...attributes }, title ? el("h2", {}, title) : null, ...children);

/** table has columns [name, class, title] and rows of texts and elements. */
export function table(columns, rows) {
  return el("div", { className: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, columns.map(([name, kind, title]) => el("th", { className: kind, scope: "col", title }, name)))),
    el("tbody", {}, rows.map((r) => el("tr", {}, r.map((c, i) => el("td", { className: columns[i][1] }, c)))))));
}

/** bar shows a share from 0 to 1; beyond 0.9 it alarms. */
export function bar(share, title) {
  const s = svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: `bar ${share > 0.9 ? "critical" : share > 0.7 ? "warning" : ""}`, role: "img", "aria-label": title ?? percent(share) });
  s.append(svg("rect", { class: "ground", width: 100, height: 8, rx: 2 }), svg("rect", { class: "filled", width: Math.max(0, Math.min(share, 1)) * 100, height: 8, rx: 2 }));
  return s;
}

export const swatch = (color) => svg("svg", { class: "swatch", viewBox: "0 0 8 8", "aria-hidden": "true" }, svg("rect", { width: 8, height: 8, rx: 1.5, fill: color }));

const protocols = { 1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 89: "OSPF", 132: "SCTP" };
export const protocol = (p) => protocols[p] ?? (p === undefined || p === "" ? "" : `protocol ${p}`);

/** Problem is an answer that is none, in words for people. */
export class Problem extends Error {
  constructor(message, status, body) {
    super(message);
    this.status = status;
    this.body = body ?? {};
  }
}

const meanings = {
  401: "weir wants to know who you are: sign in, or send a token.",
  403: "You may not see or do this.",
  404: "This weir does not offer that; it may be an older version.",
  429: "weir is answering others; ask again in a moment.",
};

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** api asks weir; it throws a Problem. Whoever is busy is asked again. */
export async function api(path, options = {}) {
  for (let tries = 0; ; tries++) {
    let r;
    try {
      r = await fetch(path, options);
    } catch (e) {
      if (e.name === "AbortError") throw e;
      throw new Problem("weir does not answer. Is it still running, and is the way to it open?", 0);
    }
    if (r.status === 429 && tries < 8) { await pause(300 + 100 * tries); continue; }
    const text = await r.text();
    let body = null;
    try { body = JSON.parse(text); } catch { /* not JSON: told by its status */ }
    if (r.ok) return body;
    throw new Problem(body?.problem ?? body?.error ?? meanings[r.status] ?? `weir answered ${r.status}: ${text.slice(0, 200)}`, r.status, body);
  }
}

/** download gives what is shown to the visitor as a file. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = el("a", { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** csv quotes cells; what a spreadsheet would run is made text. */
export const csv = (rows) => rows.map((r) => r.map((c) => {
  let s = String(c ?? "");
  if (typeof c !== "number" && /^[=+\-@\t\r]/.test(s)) s = `'${s}`;
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}).join(",")).join("\r\n") + "\r\n";

let asked = null;

/** me is who looks at the page. */
export const me = () => (asked ??= api("/api/v1/me").catch((e) => { asked = null; throw e; }));
