// Stacked areas with error bands, as SVG, with a readout under the pointer.

import { clock, el, interval, scaled, set, svg, swatch } from "./dom";

export const colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)", "var(--c7)", "var(--c8)"];

/** nice is the round number at or above v. */
function nice(v: number): number {
  const size = 10 ** Math.floor(Math.log10(v));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((m) => m * size).find((m) => m >= v * 0.999) ?? v;
}

const left = 74, right = 12, top = 8, bottom = 22;

/** Series is one of a picture's; its lists are as long as the picture's times. */
export interface Series { name: string; color: string; v: number[]; low: number[]; high: number[] }

/** Picture is what a chart shows: series on top of each other. Times are ms. */
export interface Picture {
  times: readonly number[];
  series: readonly Series[];
  total?: readonly number[]; // with what else there was, which is above them in grey
  unit: string;
  from?: number;
  to?: number;
  ago?: boolean; // times are before the last
}

export interface Chart {
  element: HTMLElement;
  draw(p: Picture): void;
  end(): void;
}

/** value is one of a list, 0 beyond it. */
const value = (of: readonly number[], i: number): number => of[i] ?? 0;

/**
 * chart draws pictures into an element: each series with the band of its own 95 %
 * interval around its upper edge.
 */
export function chart(label: string, height = 240): Chart {
  const picture = el("div", { className: "chart", role: "img", "aria-label": label });
  const tip = el("div", { className: "tip", hidden: true });
  let data: Picture | null = null, drawn: { x: (t: number) => number; width: number; svg: SVGElement } | null = null, pointer: number | null = null;

  function draw(p: Picture): void {
    const width = Math.max(280, picture.clientWidth || 800);
    const s = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    const { times, series, total, unit } = p;
    const from = p.from ?? value(times, 0), to = Math.max(p.to ?? value(times, times.length - 1), from + 1);
    const sums = times.map((_, i) => series.reduce((n, x) => n + value(x.v, i), 0));
    const peak = Math.max(1, ...sums, ...(total ?? []), ...times.map((_, i) => edge(series, i)));
    const most = nice(peak);
    const x = (t: number): number => left + ((width - left - right) * (t - from)) / (to - from);
    const y = (v: number): number => top + (height - top - bottom) * (1 - Math.min(v, most) / most);
    axes(s, { width, height, most, x, y, from, to, unit, ago: p.ago ?? false });
    const area = (lower: (i: number) => number, upper: (i: number) => number): string => {
      const there = times.map((t, i) => `${x(t).toFixed(1)},${y(upper(i)).toFixed(1)}`);
      const back = times.map((t, i) => `${x(t).toFixed(1)},${y(lower(i)).toFixed(1)}`).reverse();
      return `M${there.join("L")}L${back.join("L")}Z`;
    };
    if (total && times.length > 1) s.append(svg("path", { class: "rest", d: area((i) => value(sums, i), (i) => Math.max(value(total, i), value(sums, i))) }));
    let base = times.map(() => 0);
    const bands: SVGElement[] = [];
    for (const one of series) {
      const under = base;
      base = under.map((v, i) => v + value(one.v, i));
      if (times.length < 2) continue;
      s.append(svg("path", { d: area((i) => value(under, i), (i) => value(base, i)), fill: one.color, class: "area" }));
      bands.push(svg("path", { d: area((i) => value(under, i) + value(one.low, i), (i) => value(under, i) + cap(one, i)), fill: one.color, class: "band" }));
    }
    s.append(...bands);
    drawn = { x, width, svg: s };
    set(picture, s, tip);
    read();
  }

  // The time nearest to the pointer, in words.
  function read(): void {
    tip.hidden = true;
    if (pointer === null || !data?.times.length || !drawn) return;
    const { times, series, total, unit } = data, { x, svg: s } = drawn, here = pointer;
    const at = times.reduce((best, t, i) => (Math.abs(x(t) - here) < Math.abs(x(value(times, best)) - here) ? i : best), 0);
    const line = x(value(times, at));
    const rows = series.map((one) => ({ one, v: value(one.v, at) })).filter(({ v }) => v > 0).sort((a, b) => b.v - a.v);
    set(tip,
      el("strong", {}, clock(times[at])), total ? ` ${scaled(value(total, at), unit)} in all` : "",
      rows.map(({ one, v }) => el("div", {}, swatch(one.color), one.name, " ", el("span", { className: "number" }, `${scaled(v, unit)} (${interval(value(one.low, at), value(one.high, at), unit)})`))));
    tip.hidden = false;
    const room = picture.clientWidth;
    tip.style.left = line > room / 2 ? "auto" : `${line + 12}px`;
    tip.style.right = line > room / 2 ? `${room - line + 12}px` : "auto";
    s.querySelector(".cursor")?.remove();
    s.append(svg("line", { class: "cursor", x1: line, x2: line, y1: top, y2: height - bottom }));
  }

  picture.addEventListener("pointermove", (e) => { pointer = e.clientX - picture.getBoundingClientRect().left; read(); });
  picture.addEventListener("pointerleave", () => { pointer = null; picture.querySelector(".cursor")?.remove(); tip.hidden = true; });
  const watch = new ResizeObserver(() => { if (data && drawn && Math.abs(drawn.width - Math.max(280, picture.clientWidth)) > 1) draw(data); });
  watch.observe(picture);
  return {
    element: picture,
    draw(p) {
      data = p.times.length ? p : null;
      if (data) draw(data);
      else set(picture);
    },
    end() { watch.disconnect(); },
  };
}

const cap = (one: Series, i: number): number => Math.min(value(one.high, i), 3 * value(one.v, i));

/** edge is how high the bands reach. */
function edge(series: readonly Series[], i: number): number {
  let base = 0, most = 0;
  for (const one of series) {
    most = Math.max(most, base + cap(one, i));
    base += value(one.v, i);
  }
  return most;
}

interface Geometry {
  width: number;
  height: number;
  most: number;
  x(t: number): number;
  y(v: number): number;
  from: number;
  to: number;
  unit: string;
  ago: boolean;
}

function axes(s: SVGElement, g: Geometry): void {
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const at = g.y(part * g.most);
    s.append(svg("line", { class: "grid", x1: left, x2: g.width - right, y1: at, y2: at }));
    if (part % 0.5 === 0) s.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, part ? short(part * g.most, g.unit) : "0"));
  }
  const span = g.to - g.from;
  const wanted = Math.max(2, Math.min(8, Math.floor(g.width / 130)));
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((v) => v * 1000).find((v) => span / v <= wanted) ?? span;
  if (g.ago) {
    for (let ago = 0; ago <= span; ago += step) label(s, g, g.x(g.to - ago), ago ? `-${ago / 1000} s` : "now");
    return;
  }
  const shift = new Date(g.from).getTimezoneOffset() * 60000;
  for (let t = Math.ceil((g.from - shift) / step) * step + shift; t <= g.to; t += step) {
    const d = new Date(t);
    const text = step >= 86400000 ? `${d.getMonth() + 1}-${String(d.getDate()).padStart(2, "0")}` : new Date(t).toTimeString().slice(0, step < 60000 ? 8 : 5);
    label(s, g, g.x(t), text);
  }
}

function label(s: SVGElement, g: Geometry, x: number, text: string): void {
  s.append(svg("text", { x: Math.max(left, Math.min(x, g.width - right)), y: g.height - 6, "text-anchor": x > g.width - 40 ? "end" : x < left + 10 ? "start" : "middle" }, text));
}

/** short writes 1.5 Gbit/s. */
function short(v: number, unit: string): string {
  let n = 0;
  while (v >= 1000 && n < 5) { v /= 1000; n++; }
  return `${Number(v.toPrecision(3))} ${["", "k", "M", "G", "T", "P"][n]}${unit}`;
}
