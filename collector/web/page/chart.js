// Stacked areas with error bands, as SVG, with a readout under the pointer.

import { bits, clock, el, interval, set, svg, swatch } from "./dom.js";

export const colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)", "var(--c7)", "var(--c8)"];

/** nice is the round number at or above v. */
function nice(v) {
  const size = 10 ** Math.floor(Math.log10(v));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((m) => m * size).find((m) => m >= v * 0.999) ?? v;
}

const left = 74, right = 12, top = 8, bottom = 22;

/**
 * chart draws { times, series: [{ name, color, v, low, high }], total, unit, ago }
 * into an element: series on top of each other, each with the band of its own
 * 95 % interval around its upper edge, what else there was above them in grey.
 * Lists are as long as times, which are ms.
 */
export function chart(label, height = 240) {
  const picture = el("div", { className: "chart", role: "img", "aria-label": label });
  const tip = el("div", { className: "tip", hidden: true });
  let data = null, geometry = null, pointer = null;

  function draw() {
    const width = Math.max(280, picture.clientWidth || 800);
    const s = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    const { times, series, total, unit } = data;
    const from = data.from ?? times[0], to = Math.max(data.to ?? times.at(-1), from + 1);
    const sums = times.map((_, i) => series.reduce((n, x) => n + x.v[i], 0));
    const peak = Math.max(1, ...sums, ...(total ?? []), ...times.map((_, i) => edge(series, i)));
    const most = nice(peak);
    const x = (t) => left + ((width - left - right) * (t - from)) / (to - from);
    const y = (v) => top + (height - top - bottom) * (1 - Math.min(v, most) / most);
    axes(s, { width, most, x, y, from, to, unit, ago: data.ago });
    const area = (lower, upper) => {
      const there = times.map((t, i) => `${x(t).toFixed(1)},${y(upper(i)).toFixed(1)}`);
      const back = times.map((t, i) => `${x(t).toFixed(1)},${y(lower(i)).toFixed(1)}`).reverse();
      return `M${there.join("L")}L${back.join("L")}Z`;
    };
    if (total && times.length > 1) s.append(svg("path", { class: "rest", d: area((i) => sums[i], (i) => Math.max(total[i], sums[i])) }));
    const base = times.map(() => 0);
    const bands = [];
    for (const one of series) {
      const under = base.slice();
      for (let i = 0; i < base.length; i++) base[i] += one.v[i];
      if (times.length < 2) continue;
      s.append(svg("path", { d: area((i) => under[i], (i) => under[i] + one.v[i]), fill: one.color, class: "area" }));
      bands.push(svg("path", { d: area((i) => under[i] + one.low[i], (i) => under[i] + cap(one, i)), fill: one.color, class: "band" }));
    }
    s.append(...bands);
    geometry = { x, width, from, to };
    set(picture, s, tip);
    read();
  }

  // The time nearest to the pointer, in words.
  function read() {
    tip.hidden = true;
    if (pointer === null || !data?.times.length) return;
    const { x } = geometry;
    let at = 0;
    data.times.forEach((t, i) => { if (Math.abs(x(t) - pointer) < Math.abs(x(data.times[at]) - pointer)) at = i; });
    const here = x(data.times[at]);
    const rows = data.series.map((one) => [one, one.v[at]]).filter(([, v]) => v > 0).sort((a, b) => b[1] - a[1]);
    set(tip, 
      el("strong", {}, clock(data.times[at])), data.total ? ` ${bits8(data.total[at], data.unit)} in all` : "",
      ...rows.map(([one, v]) => el("div", {}, swatch(one.color), one.name, " ", el("span", { className: "number" }, `${bits8(v, data.unit)} (${interval(one.low[at], one.high[at], data.unit)})`))));
    tip.hidden = false;
    const room = picture.clientWidth;
    tip.style.left = here > room / 2 ? "auto" : `${here + 12}px`;
    tip.style.right = here > room / 2 ? `${room - here + 12}px` : "auto";
    const s = picture.firstChild;
    s.querySelector(".cursor")?.remove();
    s.append(svg("line", { class: "cursor", x1: here, x2: here, y1: top, y2: height - bottom }));
  }

  picture.addEventListener("pointermove", (e) => { pointer = e.clientX - picture.getBoundingClientRect().left; if (data) read(); });
  picture.addEventListener("pointerleave", () => { pointer = null; picture.querySelector(".cursor")?.remove(); tip.hidden = true; });
  const watch = new ResizeObserver(() => { if (data && Math.abs(geometry.width - Math.max(280, picture.clientWidth)) > 1) draw(); });
  watch.observe(picture);
  return {
    element: picture,
    draw(d) { data = d; if (d.times.length) draw(); else set(picture); },
    end() { watch.disconnect(); },
  };
}

const bits8 = (v, unit) => (unit === "bit/s" ? bits(v) : interval(v, v, unit).split("–")[1]);
const cap = (one, i) => Math.min(one.high[i], 3 * one.v[i]);

/** edge is how high the bands reach. */
function edge(series, i) {
  let base = 0, most = 0;
  for (const one of series) {
    most = Math.max(most, base + cap(one, i));
    base += one.v[i];
  }
  return most;
}

function axes(s, g) {
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const at = g.y(part * g.most);
    s.append(svg("line", { class: "grid", x1: left, x2: g.width - right, y1: at, y2: at }));
    if (part % 0.5 === 0) s.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, part ? short(part * g.most, g.unit) : "0"));
  }
  const span = g.to - g.from;
  const wanted = Math.max(2, Math.min(8, Math.floor(g.width / 130)));
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((v) => v * 1000).find((v) => span / v <= wanted) ?? span;
  if (g.ago) {
    for (let ago = 0; ago <= span; ago += step) label(s, g.x(g.to - ago), ago ? `-${ago / 1000} s` : "now", g.width);
    return;
  }
  const shift = new Date(g.from).getTimezoneOffset() * 60000;
  for (let t = Math.ceil((g.from - shift) / step) * step + shift; t <= g.to; t += step) {
    const d = new Date(t);
    const text = step >= 86400000 ? `${d.getMonth() + 1}-${String(d.getDate()).padStart(2, "0")}` : new Date(t).toTimeString().slice(0, step < 60000 ? 8 : 5);
    label(s, g.x(t), text, g.width);
  }
}

function label(s, x, text, width) {
  s.append(svg("text", { x: Math.max(left, Math.min(x, width - right)), y: 234 + (s.getAttribute("height") - 240), "text-anchor": x > width - 40 ? "end" : x < left + 10 ? "start" : "middle" }, text));
}

/** short writes 1.5 Gbit/s. */
function short(v, unit) {
  let n = 0;
  while (v >= 1000 && n < 5) { v /= 1000; n++; }
  return `${+v.toPrecision(3)} ${["", "k", "M", "G", "T", "P"][n]}${unit}`;
}
