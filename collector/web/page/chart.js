// Stacked areas with error bands, as SVG.

const colors = ["#2f6fb3", "#e07b39", "#3d9970", "#b04a8b", "#8a6d3b", "#5b5fc7", "#c0a000", "#4aa3a2"];
const width = 900, height = 240, left = 70, bottom = 22, top = 8;

function node(name, attributes, text) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, String(v));
  if (text !== undefined) e.textContent = text;
  return e;
}

/** nice is the round number at or above v. */
function nice(v) {
  const size = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].map((m) => m * size).find((m) => m >= v) ?? v;
}

function label(v) {
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (v >= size) return `${+(v / size).toPrecision(3)} ${letter}bit/s`;
  return `${+v.toPrecision(3)} bit/s`;
}

/**
 * stacked draws seconds, each { at, total, flows: [{ name, rate, low, high }] }:
 * the flows that were largest over all of it, on top of each other, the rest
 * beneath a line that is the total. The band around each flow's upper edge is
 * its own 95 % interval.
 */
export function stacked(seconds) {
  const sums = new Map();
  for (const s of seconds) for (const f of s.flows) sums.set(f.name, (sums.get(f.name) ?? 0) + f.rate);
  const names = [...sums.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, colors.length).map(([n]) => n);
  const picture = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "largest flows over time" });
  const last = seconds.at(-1);
  const peak = Math.max(1, ...seconds.map((s) => Math.max(s.total, stack(s, names).at(-1)?.high ?? 0)));
  const most = nice(peak);
  const end = last?.at ?? 0, span = 120_000;
  const x = (at) => left + (width - left) * (1 - (end - at) / span);
  const y = (v) => top + (height - top - bottom) * (1 - Math.min(v, most) / most);
  for (const part of [0, 0.5, 1]) {
    picture.append(node("line", { x1: left, x2: width, y1: y(part * most), y2: y(part * most), stroke: "var(--line)" }));
    picture.append(node("text", { x: left - 6, y: y(part * most) + 4, "text-anchor": "end" }, label(part * most)));
  }
  for (const ago of [120, 90, 60, 30, 0]) {
    picture.append(node("text", { x: Math.min(x(end - ago * 1000), width - 14), y: height - 6, "text-anchor": "middle" }, ago ? `-${ago} s` : "now"));
  }
  const stacks = seconds.map((s) => ({ at: s.at, parts: stack(s, names) }));
  const area = (lower, upper) => {
    const there = stacks.map((s) => `${x(s.at).toFixed(1)},${y(upper(s)).toFixed(1)}`);
    const back = stacks.map((s) => `${x(s.at).toFixed(1)},${y(lower(s)).toFixed(1)}`).reverse();
    return `M${[...there, ...back].join("L")}Z`;
  };
  names.forEach((_, i) => {
    picture.append(node("path", { d: area((s) => s.parts[i].base, (s) => s.parts[i].top), fill: colors[i], "fill-opacity": 0.75 }));
  });
  names.forEach((_, i) => {
    picture.append(node("path", { d: area((s) => s.parts[i].low, (s) => s.parts[i].high), fill: colors[i], "fill-opacity": 0.25, class: "band" }));
  });
  if (seconds.length > 1) {
    const points = seconds.map((s) => `${x(s.at).toFixed(1)},${y(s.total).toFixed(1)}`).join(" ");
    picture.append(node("polyline", { points, fill: "none", stroke: "var(--dim)", "stroke-dasharray": "3 3" }));
  }
  const now = new Map((last?.flows ?? []).map((f) => [f.name, f]));
  return {
    picture,
    names: names.map((name, i) => ({ name, color: colors[i], rate: 0, low: 0, high: 0, ...now.get(name) })),
  };
}

/** stack places the named flows of a second on top of each other. */
function stack(second, names) {
  const by = new Map(second.flows.map((f) => [f.name, f]));
  let base = 0;
  return names.map((n) => {
    const f = by.get(n) ?? { rate: 0, low: 0, high: 0 };
    const part = { base, top: base + f.rate, low: base + f.low, high: base + Math.min(f.high, 3 * f.rate) };
    base += f.rate;
    return part;
  });
}
