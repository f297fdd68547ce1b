// Site: the model of the site as a tree, and a picture of any branch of it.

import type { site as model } from "./api";
import { aborted, get } from "./ask";
import { badge, count, el, empty, href, known, link, many, problem, set, since, svg, table } from "./dom";
import type { Child } from "./dom";
import { list } from "./list";
import type { Context, View } from "./view";

const healths = new Map([["g", "good"], ["o", "off"], ["u", "unseen"], ["i", "info"], ["w", "warning"], ["c", "critical"]]);
const says = new Map([["good", "well"], ["off", "stopped"], ["unseen", "not observable"], ["info", "noted"], ["warning", "warning"], ["critical", "critical"]]);
const rank = ["critical", "warning", "unseen", "info", "off", "good"];

/** Leaf is a row of the tree. */
interface Leaf { path: string; depth: number; node: string; type: string; name: string; health: string; inner: boolean; note: string }

const health = (letter: string): string => healths.get(letter) ?? "unseen";

/** dots draws a string of healths, a square each; those of one colour are one path. */
function dots(text: string, wide = 24): Child {
  const cell = 9, columns = Math.min(wide, Math.max(text.length, 1)), lines = Math.ceil(text.length / columns);
  const paths = new Map<string, string>();
  [...text].forEach((c, i) => {
    const h = health(c);
    paths.set(h, `${paths.get(h) ?? ""}M${(i % columns) * cell} ${Math.floor(i / columns) * cell}h7v7h-7z`);
  });
  const s = svg("svg", { class: "dots", width: columns * cell, height: Math.max(lines, 1) * cell, viewBox: `0 0 ${columns * cell} ${Math.max(lines, 1) * cell}`, role: "img", "aria-label": tally(text) });
  for (const [h, d] of paths) s.append(svg("path", { class: h, d }));
  return s;
}

/** tally writes "5 well, 1 not observable". */
function tally(text: string): string {
  const all = [...text].map(health);
  return rank.map((h) => ({ h, n: all.filter((x) => x === h).length })).filter(({ n }) => n).map(({ h, n }) => `${count(n)} ${says.get(h) ?? h}`).join(", ") || "no instance";
}

const mark = (h: string): Child => el("span", { className: `mark ${known(h)}`, title: says.get(h) ?? h, role: "img", "aria-label": says.get(h) ?? h });
const label = (n: model.NodeView): string => n.name || n.key;

export function site(parameters: URLSearchParams, { signal, go }: Context): View {
  let whole: model.Overview | null = null, tree: Leaf[] = [], chosen = parameters.get("node") ?? "", branch: model.Branch | undefined, seen = "";
  const open = new Set(["/"]), nodes = new Map<string, model.NodeView>(), under = new Map<string, model.NodeView[]>(), parts = new Map<string, model.Branch>();
  const below = (key: string): readonly model.NodeView[] => under.get(key) ?? [];
  const text = el("input", { type: "search", placeholder: "instance, host, address, MAC, project", "aria-label": "search the site", value: parameters.get("search") ?? "", spellcheck: "false" });
  const sums = el("p", { className: "note" });
  const picture = el("div", { className: "branch" }, empty("Reading…"));
  const found = el("div", { className: "found", hidden: true });
  const rows = list("the site as a tree", {
    height: () => 28,
    render(i) { const r = tree[i]; return r ? row(r) : el("div", {}); },
    open(i, key) { const r = tree[i]; return r ? keys(r, key) : false; },
  }, "tree");

  function row(r: Leaf): HTMLElement {
    const toggle = r.inner ? el("button", { type: "button", className: "toggle", tabindex: "-1", "aria-label": open.has(r.path) ? "close" : "open", onclick: (e) => { e.stopPropagation(); e.preventDefault(); flip(r); } }, open.has(r.path) ? "▾" : "▸") : el("span", { className: "toggle" });
    const e = el("a", { className: `leaf${r.node === chosen && r.type !== "instance" && r.type !== "bridge" ? " chosen" : ""}`, role: "treeitem", tabindex: "-1", "aria-level": r.depth + 1, "aria-expanded": r.inner ? String(open.has(r.path)) : undefined, href: href("site", { node: r.node }) },
      toggle, mark(r.health), el("span", { className: "name" }, r.name), el("span", { className: "dim" }, ` ${r.note}`));
    e.style.paddingLeft = `${8 + 18 * r.depth}px`;
    return e;
  }

  function keys(r: Leaf, key: string): boolean {
    if (key === "ArrowRight" && r.inner && !open.has(r.path)) flip(r);
    else if (key === "ArrowLeft" && open.has(r.path)) flip(r);
    else if (key === "Enter" || key === " ") go("site", { node: r.node });
    else return false;
    return true;
  }

  function flip(r: Leaf): void {
    if (open.has(r.path)) open.delete(r.path);
    else {
      open.add(r.path);
      if (!parts.has(r.node)) void load(r.node);
    }
    grow();
  }

  // The rows that are open, in order.
  function grow(): void {
    tree = [];
    const walk = (n: model.NodeView, depth: number): void => {
      const path = `node ${n.key}`, children = below(n.key);
      const inner = children.length + (n.bridges ?? []).length > 0;
      tree.push({ path, depth, node: n.key, type: n.kind, name: label(n), health: n.health, inner, note: note(n) });
      if (!open.has(path)) return;
      for (const c of children) walk(c, depth + 1);
      for (const b of n.bridges ?? []) {
        const p = `${path} ${b.name}`;
        tree.push({ path: p, depth: depth + 1, node: n.key, type: "bridge", name: b.name || "no bridge told", health: b.health, inner: b.instances.length > 0, note: b.instances ? tally(b.instances) : "" });
        if (!open.has(p)) continue;
        const part = parts.get(n.key)?.parts.find((x) => x.name === b.name);
        if (!part) tree.push({ path: `${p} …`, depth: depth + 2, node: n.key, type: "instance", name: "reading…", health: "good", inner: false, note: "" });
        for (const i of part?.instances ?? []) tree.push({ path: `${p} ${i.uuid ?? i.name}`, depth: depth + 2, node: n.key, type: "instance", name: i.name, health: i.health, inner: false, note: [i.project, i.state].filter((x) => x).join(", ") });
      }
    };
    for (const n of below("")) walk(n, 0);
    rows.update(tree.length);
  }

  const note = (n: model.NodeView): string => [below(n.key).length ? `${count(below(n.key).length)} attached` : "", n.instances ? many(n.instances, "instance") : n.ports ? many(n.ports, "port") : "", n.unseen ? `${count(n.unseen)} not observable` : "", n.orphans ? many(n.orphans, "orphan") : ""].filter((x) => x).join(", ");

  function take(m: model.Overview): void {
    whole = m;
    nodes.clear(); under.clear();
    for (const n of m.nodes) nodes.set(n.key, n);
    for (const n of m.nodes) {
      const upper = n.under && nodes.has(n.under) && !loops(n) ? n.under : "", there = under.get(upper);
      if (there) there.push(n);
      else under.set(upper, [n]);
    }
    for (const all of under.values()) all.sort((a, b) => Number(!under.has(a.key)) - Number(!under.has(b.key)) || label(a).localeCompare(label(b), "en", { numeric: true }));
    set(sums, `${many(m.nodes.length, "node")}, ${many(m.bridges, "bridge")}, ${many(m.instances, "instance")}`,
      m.bad ? el("span", {}, ", ", el("strong", { className: "critical" }, `${count(m.bad)} in trouble`)) : "", m.unseen ? el("span", {}, ", ", el("strong", {}, `${count(m.unseen)} not observable`)) : "",
      m.orphans ? el("span", { title: "ports and domains that belong to nobody" }, ", ", el("strong", {}, many(m.orphans, "orphan"))) : "");
  }

  const above = (n: model.NodeView): model.NodeView | undefined => nodes.get(n.under ?? "");

  function loops(n: model.NodeView): boolean {
    let x: model.NodeView | undefined = n;
    for (let i = 0; x; x = above(x), i++) if (i > 8) return true;
    return false;
  }

  const cardOf = (n: model.NodeView, big = false): Child => el("a", { className: `node ${n.health}${big ? " big" : ""}`, href: href("site", { node: n.key }) },
    el("span", { className: "title" }, mark(n.self), el("strong", {}, label(n)), el("span", { className: "dim" }, ` ${n.port ? `at ${n.port}` : n.kind}`)),
    (n.bridges ?? []).map((b) => el("span", { className: `bridge ${b.health}` }, el("span", { className: "dim" }, b.name || "no bridge told"), b.instances ? dots(b.instances, big ? 40 : 20) : el("span", { className: "dim" }, " no instance"))),
    !(n.bridges ?? []).length ? el("span", { className: "dim" }, `${many(n.ports, "port")}${n.ports_down ? `, ${count(n.ports_down)} down` : ""}`) : "",
    n.orphans ? el("span", { className: "dim", title: "ports and domains" }, `${many(n.orphans, "orphan")}`) : "");

  function draw(): void {
    if (!whole) return;
    const all = whole.nodes;
    if (!all.length) { set(picture, empty("Nothing is known of the site yet.", "It is learned from what agents send: within a minute of their first samples.")); return; }
    const n = nodes.get(chosen);
    if (!n) {
      const tops = below(""), bad = all.length > 12 ? all.filter((x) => x.health === "critical" || x.health === "warning").sort((a, b) => rank.indexOf(a.health) - rank.indexOf(b.health) || b.bad - a.bad) : [];
      set(picture, bad.length ? [el("h3", {}, `In trouble: ${many(bad.length, "node")}`), el("div", { className: "cards" }, bad.slice(0, 60).map((x) => cardOf(x))), el("h3", {}, "Everything")] : null, el("div", { className: "cards" }, tops.map((t) => (under.has(t.key) ? group(t) : cardOf(t)))));
      return;
    }
    const attached = below(n.key);
    set(picture,
      el("p", { className: "crumbs" }, link("site", {}, "site"), ...path(n).flatMap((x) => [" › ", link("site", { node: x.key }, label(x))])),
      cardOf(n, true), attached.length ? el("h3", {}, `Attached to it: ${count(attached.length)}`) : null, attached.length ? el("div", { className: "cards" }, attached.map((x) => cardOf(x))) : null,
      branch?.key === n.key ? details(branch) : empty("Reading…"));
  }

  const group = (t: model.NodeView): Child => el("div", { className: "under" }, cardOf(t, true), el("div", { className: "cards" }, below(t.key).map((x) => (under.has(x.key) ? group(x) : cardOf(x)))));

  function path(n: model.NodeView): model.NodeView[] {
    const all: model.NodeView[] = [];
    let x: model.NodeView | undefined = n;
    for (; x && all.length < 9; x = above(x)) all.unshift(x);
    return all;
  }

  function named(key: string): string {
    const n = nodes.get(key);
    return n ? label(n) : key;
  }

  function details(b: model.Branch): Child {
    const instances = b.parts.flatMap((p) => (p.instances ?? []).map((i) => ({ ...i, bridge: p.name })));
    instances.sort((x, y) => rank.indexOf(x.health) - rank.indexOf(y.health));
    const ports = [...b.links, ...b.parts.flatMap((p) => p.ports ?? [])];
    return el("div", {},
      el("p", { className: "dim" }, `heard ${since(b.last_heard)} ago`, b.speakers.length ? ` · ${b.speakers.join(", ")} ${b.speakers.length === 1 ? "speaks" : "speak"} for it` : "", b.version ? ` · weir-agent ${b.version}` : "",
        " · ", link("agents", { agent: b.key }, "as an agent"), " · ", link("explore", { filter: `agent = ${b.key}`, by: "src,dst,proto,dst_port" }, "its flows")),
      instances.length ? table([["", "swatches"], ["instance", "one"], ["project"], ["state", "one"], ["bridge", "one"], ["port", "one"], ["addresses"], ["observed by"]], instances.slice(0, 300).map((i) => [
        mark(i.health), el("strong", { title: i.uuid }, i.name), i.project ?? "", i.state ?? "–", i.bridge || "–", el("code", {}, i.port ?? "–"),
        [...(i.addresses ?? []), ...(i.macs ?? [])].map((x, k) => [k ? " " : "", (i.addresses ?? []).includes(x) ? link("explore", { filter: `src = ${x} or dst = ${x}`, by: "src,dst,proto,dst_port" }, x) : el("span", { className: "dim" }, x)]),
        i.observed.length ? el("span", { title: i.blind ? `not noticed in time: ${i.blind}` : "" }, i.observed.join(", ")) : badge("unseen", "nobody")])) : null,
      instances.length > 300 ? el("p", { className: "note" }, `${count(instances.length - 300)} more are counted and not listed: search for them.`) : null,
      ports.length ? table([["", "swatches"], ["port"], ["state"], ["behind it"]], ports.slice(0, 200).map((p) => [mark(p.health), el("strong", {}, p.name), p.status, (p.attached ?? []).map((k, j) => [j ? ", " : "", link("site", { node: k }, named(k))])])) : null,
      ports.length > 200 ? el("p", { className: "note" }, `${count(ports.length - 200)} more ports.`) : null);
  }

  async function load(key: string): Promise<void> {
    try {
      const b = await get("/api/v1/site/branch", { node: key }, signal);
      parts.set(key, b);
      for (const k of parts.keys()) if (parts.size > 200) parts.delete(k); // the eldest
      if (key === chosen) { branch = b; draw(); document.body.dataset.shown = "site"; }
      grow();
    } catch (e) {
      if (!aborted(e) && key === chosen) set(picture, problem(e));
    }
  }

  async function ask(): Promise<void> {
    try {
      const m = await get("/api/v1/site", {}, signal);
      const state = JSON.stringify(m.nodes.map((n) => [n.key, n.name, n.health, n.under, n.bridges, n.orphans, n.ports_down]));
      if (state === seen) return;
      seen = state;
      const first = !whole;
      take(m);
      const at = nodes.get(chosen);
      if (first) for (const n of at ? path(at) : m.nodes.length <= 40 ? m.nodes : below("").filter((x) => under.has(x.key))) open.add(`node ${n.key}`);
      for (const key of [...parts.keys()]) if (open.has(`node ${key}`)) void load(key); else parts.delete(key);
      grow();
      draw();
      if (chosen && first) void load(chosen);
      if (!chosen) document.body.dataset.shown = "site";
    } catch (e) {
      if (!aborted(e)) set(picture, problem(e));
    }
  }

  let wait = 0;
  const search = (): void => {
    clearTimeout(wait);
    const t = text.value.trim();
    found.hidden = !t;
    rows.element.hidden = Boolean(t);
    if (!t) return;
    wait = window.setTimeout(async () => {
      try {
        const a = await get("/api/v1/site/search", { text: t }, signal);
        if (text.value.trim() !== t) return;
        set(found, a.found.length ? el("ul", { className: "plain" }, a.found.map((f) => el("li", {}, el("a", { href: href("site", { node: f.node, search: t }) }, mark(f.health), el("strong", {}, f.name), el("span", { className: "dim" }, ` ${f.type}${f.label !== f.name ? ` on ${f.label}` : ""}${f.bridge && f.type !== "bridge" ? `, ${f.bridge}` : ""}${f.detail && f.detail !== f.name ? ` · ${f.detail}` : ""}`))))) :
          empty("Nothing is called that.", "Names, addresses, MAC addresses, projects and identities are looked at."), a.cut ? el("p", { className: "note" }, "There are more: write more letters.") : "");
      } catch (e) {
        if (!aborted(e)) set(found, problem(e));
      }
    }, 150);
  };
  text.addEventListener("input", search);
  if (text.value) search();
  void ask();
  const timer = setInterval(() => { if (!document.hidden) void ask(); }, 3000);
  const legend = el("ul", { className: "legend" }, ["good", "warning", "critical", "off", "unseen"].map((h) => el("li", {}, mark(h), says.get(h))));
  return {
    title: "Site",
    parts: [
      el("section", { className: "tree", "aria-label": "tree" }, text, sums, found, rows.element),
      el("section", { className: "wide", "aria-label": "picture" }, legend, picture),
    ],
    focus: text,
    update(p) {
      chosen = p.get("node") ?? "";
      branch = parts.get(chosen);
      const at = nodes.get(chosen);
      for (const n of at ? path(at) : []) open.add(`node ${n.key}`);
      if (chosen) void load(chosen);
      grow();
      draw();
      return true;
    },
    end() { clearInterval(timer); rows.end(); },
  };
}
