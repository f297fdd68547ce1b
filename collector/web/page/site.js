// Site: the model of the site as a tree, and a picture of any branch of it.

import { api, badge, card, count, el, empty, href, known, link, many, problem, set, since, svg, table } from "./dom.js";
import { list } from "./list.js";

const healths = { g: "good", o: "off", u: "unseen", i: "info", w: "warning", c: "critical" };
const says = { good: "well", off: "stopped", unseen: "not observable", info: "noted", warning: "warning", critical: "critical" };
const rank = ["critical", "warning", "unseen", "info", "off", "good"];

/** dots draws a string of healths, a square each; those of one colour are one path. */
function dots(text, wide = 24) {
  const cell = 9, columns = Math.min(wide, Math.max(text.length, 1)), lines = Math.ceil(text.length / columns);
  const paths = {};
  [...text].forEach((c, i) => {
    const h = healths[c] ?? "unseen";
    paths[h] = `${paths[h] ?? ""}M${(i % columns) * cell} ${Math.floor(i / columns) * cell}h7v7h-7z`;
  });
  const s = svg("svg", { class: "dots", width: columns * cell, height: Math.max(lines, 1) * cell, viewBox: `0 0 ${columns * cell} ${Math.max(lines, 1) * cell}`, role: "img", "aria-label": tally(text) });
  for (const [h, d] of Object.entries(paths)) s.append(svg("path", { class: h, d }));
  return s;
}

/** tally writes "5 well, 1 not observable". */
function tally(text) {
  const n = {};
  for (const c of text) n[healths[c] ?? "unseen"] = (n[healths[c] ?? "unseen"] ?? 0) + 1;
  return rank.filter((h) => n[h]).map((h) => `${count(n[h])} ${says[h]}`).join(", ") || "no instance";
}

const mark = (h) => el("span", { className: `mark ${known(h)}`, title: says[h] ?? h, role: "img", "aria-label": says[h] ?? h });
const label = (n) => n.name || n.key;

export function site(parameters, { signal, go }) {
  let model = null, tree = [], open = new Set(["/"]), chosen = parameters.get("node") ?? "", branch = null, seen = "";
  const nodes = new Map(), under = new Map(), parts = new Map();
  const text = el("input", { type: "search", placeholder: "instance, host, address, MAC, project", "aria-label": "search the site", value: parameters.get("search") ?? "", spellcheck: "false" });
  const sums = el("p", { className: "note" });
  const picture = el("div", { className: "branch" }, empty("Reading…"));
  const found = el("div", { className: "found", hidden: true });
  const rows = list("the site as a tree", 28, (i) => row(tree[i]), (i, key) => keys(tree[i], key), "tree");

  function row(r) {
    const toggle = r.inner ? el("button", { type: "button", className: "toggle", tabindex: "-1", "aria-label": open.has(r.path) ? "close" : "open", onclick: (e) => { e.stopPropagation(); e.preventDefault(); flip(r.path); } }, open.has(r.path) ? "▾" : "▸") : el("span", { className: "toggle" });
    const e = el("a", { className: `leaf${r.node === chosen && r.type !== "instance" && r.type !== "bridge" ? " chosen" : ""}`, role: "treeitem", tabindex: "-1", "aria-level": r.depth + 1, "aria-expanded": r.inner ? String(open.has(r.path)) : undefined, href: href("site", { node: r.node }) },
      toggle, mark(r.health), el("span", { className: "name" }, r.name), el("span", { className: "dim" }, ` ${r.note ?? ""}`));
    e.style.paddingLeft = `${8 + 18 * r.depth}px`;
    return e;
  }

  function keys(r, key) {
    if (key === "ArrowRight" && r.inner && !open.has(r.path)) flip(r.path);
    else if (key === "ArrowLeft" && open.has(r.path)) flip(r.path);
    else if (key === "Enter" || key === " ") go("site", { node: r.node });
    else return false;
    return true;
  }

  function flip(path) {
    if (open.has(path)) open.delete(path);
    else {
      open.add(path);
      const key = path.startsWith("node ") ? path.slice(5).split(" ")[0] : "";
      if (key && !parts.has(key)) load(key);
    }
    grow();
  }

  // The rows that are open, in order.
  function grow() {
    tree = [];
    const walk = (n, depth) => {
      const path = `node ${n.key}`, children = under.get(n.key) ?? [];
      const inner = children.length + (n.bridges ?? []).length > 0;
      tree.push({ path, depth, node: n.key, type: n.kind, name: label(n), health: n.health, inner, note: note(n) });
      if (!open.has(path)) return;
      for (const c of children) walk(c, depth + 1);
      for (const b of n.bridges ?? []) {
        const p = `${path} ${b.name}`;
        tree.push({ path: p, depth: depth + 1, node: n.key, type: "bridge", name: b.name || "no bridge told", health: b.health, inner: b.instances.length > 0, note: b.instances ? tally(b.instances) : "" });
        if (!open.has(p)) continue;
        const known = parts.get(n.key)?.parts.find((x) => x.name === b.name);
        if (!known) tree.push({ path: `${p} …`, depth: depth + 2, node: n.key, type: "instance", name: "reading…", health: "good" });
        for (const i of known?.instances ?? []) tree.push({ path: `${p} ${i.uuid ?? i.name}`, depth: depth + 2, node: n.key, type: "instance", name: i.name, health: i.health, note: [i.project, i.state].filter((x) => x).join(", ") });
      }
    };
    for (const n of under.get("") ?? []) walk(n, 0);
    rows.update(tree.length);
  }

  const note = (n) => [(under.get(n.key) ?? []).length ? `${count(under.get(n.key).length)} attached` : "", n.instances ? many(n.instances, "instance") : n.ports ? many(n.ports, "port") : "", n.unseen ? `${count(n.unseen)} not observable` : "", n.orphans ? many(n.orphans, "orphan") : ""].filter((x) => x).join(", ");

  function take(m) {
    model = m;
    nodes.clear(); under.clear();
    for (const n of m.nodes) nodes.set(n.key, n);
    for (const n of m.nodes) {
      const above = n.under && nodes.has(n.under) && !loops(n) ? n.under : "";
      if (!under.has(above)) under.set(above, []);
      under.get(above).push(n);
    }
    for (const all of under.values()) all.sort((a, b) => Number(!(under.get(a.key)?.length)) - Number(!(under.get(b.key)?.length)) || label(a).localeCompare(label(b), "en", { numeric: true }));
    set(sums, `${many(m.nodes.length, "node")}, ${many(m.bridges, "bridge")}, ${many(m.instances, "instance")}`,
      m.bad ? el("span", {}, ", ", el("strong", { className: "critical" }, `${count(m.bad)} in trouble`)) : "", m.unseen ? el("span", {}, ", ", el("strong", {}, `${count(m.unseen)} not observable`)) : "",
      m.orphans ? el("span", { title: "ports and domains that belong to nobody" }, ", ", el("strong", {}, many(m.orphans, "orphan"))) : "");
  }

  function loops(n) {
    for (let x = n, i = 0; x; x = nodes.get(x.under), i++) if (i > 8) return true;
    return false;
  }

  const cardOf = (n, big) => el("a", { className: `node ${n.health}${big ? " big" : ""}`, href: href("site", { node: n.key }) },
    el("span", { className: "title" }, mark(n.self), el("strong", {}, label(n)), el("span", { className: "dim" }, ` ${n.port ? `at ${n.port}` : n.kind}`)),
    (n.bridges ?? []).map((b) => el("span", { className: `bridge ${b.health}` }, el("span", { className: "dim" }, b.name || "no bridge told"), b.instances ? dots(b.instances, big ? 40 : 20) : el("span", { className: "dim" }, " no instance"))),
    !(n.bridges ?? []).length ? el("span", { className: "dim" }, `${count(n.ports)} ports${n.ports_down ? `, ${count(n.ports_down)} down` : ""}`) : "",
    n.orphans ? el("span", { className: "dim", title: "ports and domains" }, `${many(n.orphans, "orphan")}`) : "");

  function draw() {
    if (!model) return;
    if (!model.nodes.length) { set(picture, empty("Nothing is known of the site yet.", "It is learned from what agents send: within a minute of their first samples.")); return; }
    const n = nodes.get(chosen);
    if (!n) {
      const tops = under.get("") ?? [], bad = model.nodes.length > 12 ? model.nodes.filter((x) => x.health === "critical" || x.health === "warning").sort((a, b) => rank.indexOf(a.health) - rank.indexOf(b.health) || b.bad - a.bad) : [];
      set(picture, bad.length ? [el("h3", {}, `In trouble: ${many(bad.length, "node")}`), el("div", { className: "cards" }, bad.slice(0, 60).map((x) => cardOf(x))), el("h3", {}, "Everything")] : null, el("div", { className: "cards" }, tops.map((t) => (under.get(t.key) ? group(t) : cardOf(t)))));
      return;
    }
    const below = under.get(n.key) ?? [];
    set(picture,
      el("p", { className: "crumbs" }, link("site", {}, "site"), ...path(n).flatMap((x) => [" › ", link("site", { node: x.key }, label(x))])),
      cardOf(n, true), below.length ? el("h3", {}, `Attached to it: ${count(below.length)}`) : null, below.length ? el("div", { className: "cards" }, below.map((x) => cardOf(x))) : null,
      branch?.key === n.key ? details(branch) : empty("Reading…"));
  }

  const group = (t) => el("div", { className: "under" }, cardOf(t, true), el("div", { className: "cards" }, under.get(t.key).map((x) => (under.get(x.key) ? group(x) : cardOf(x)))));

  function path(n) {
    const all = [];
    for (let x = n; x && all.length < 9; x = x.under ? nodes.get(x.under) : null) all.unshift(x);
    return all;
  }

  function details(b) {
    const instances = b.parts.flatMap((p) => p.instances.map((i) => ({ ...i, bridge: p.name })));
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
      ports.length ? table([["", "swatches"], ["port"], ["state"], ["behind it"]], ports.slice(0, 200).map((p) => [mark(p.health), el("strong", {}, p.name), p.status, (p.attached ?? []).map((k, j) => [j ? ", " : "", link("site", { node: k }, nodes.get(k) ? label(nodes.get(k)) : k)])])) : null,
      ports.length > 200 ? el("p", { className: "note" }, `${count(ports.length - 200)} more ports.`) : null);
  }

  async function load(key) {
    try {
      const b = await api(`/api/v1/site/branch?node=${encodeURIComponent(key)}`, { signal });
      parts.set(key, b);
      if (parts.size > 200) parts.delete(parts.keys().next().value);
      if (key === chosen) { branch = b; draw(); document.body.dataset.shown = "site"; }
      grow();
    } catch (e) {
      if (e.name !== "AbortError" && key === chosen) set(picture, problem(e));
    }
  }

  async function ask() {
    try {
      const m = await api("/api/v1/site", { signal });
      const state = JSON.stringify(m.nodes.map((n) => [n.key, n.name, n.health, n.under, n.bridges, n.orphans, n.ports_down]));
      if (state === seen) return;
      seen = state;
      const first = !model;
      take(m);
      if (first) for (const n of chosen && nodes.get(chosen) ? path(nodes.get(chosen)) : m.nodes.length <= 40 ? m.nodes : (under.get("") ?? []).filter((x) => under.get(x.key))) open.add(`node ${n.key}`);
      for (const key of [...parts.keys()]) if (open.has(`node ${key}`)) load(key); else parts.delete(key);
      grow();
      draw();
      if (chosen && first) load(chosen);
      if (!chosen) document.body.dataset.shown = "site";
    } catch (e) {
      if (e.name !== "AbortError") set(picture, problem(e));
    }
  }

  let wait = null;
  const search = () => {
    clearTimeout(wait);
    const t = text.value.trim();
    found.hidden = !t;
    rows.element.hidden = Boolean(t);
    if (!t) return;
    wait = setTimeout(async () => {
      try {
        const a = await api(`/api/v1/site/search?text=${encodeURIComponent(t)}`, { signal });
        if (text.value.trim() !== t) return;
        set(found, a.found.length ? el("ul", { className: "plain" }, a.found.map((f) => el("li", {}, el("a", { href: href("site", { node: f.node, search: t }) }, mark(f.health), el("strong", {}, f.name), el("span", { className: "dim" }, ` ${f.type}${f.label !== f.name ? ` on ${f.label}` : ""}${f.bridge && f.type !== "bridge" ? `, ${f.bridge}` : ""}${f.detail && f.detail !== f.name ? ` · ${f.detail}` : ""}`))))) :
          empty("Nothing is called that.", "Names, addresses, MAC addresses, projects and identities are looked at."), a.cut ? el("p", { className: "note" }, "There are more: write more letters.") : "");
      } catch (e) {
        if (e.name !== "AbortError") set(found, problem(e));
      }
    }, 150);
  };
  text.addEventListener("input", search);
  if (text.value) search();
  ask();
  const timer = setInterval(() => { if (!document.hidden) ask(); }, 3000);
  const legend = el("ul", { className: "legend" }, ["good", "warning", "critical", "off", "unseen"].map((h) => el("li", {}, mark(h), says[h])));
  return {
    title: "Site",
    parts: [
      el("section", { className: "tree", "aria-label": "tree" }, text, sums, found, rows.element),
      el("section", { className: "wide", "aria-label": "picture" }, legend, picture),
    ],
    focus: text,
    update(p) {
      chosen = p.get("node") ?? "";
      branch = parts.get(chosen) ?? null;
      for (const n of nodes.get(chosen) ? path(nodes.get(chosen)) : []) open.add(`node ${n.key}`);
      if (chosen) load(chosen);
      grow();
      draw();
      return true;
    },
    end() { clearInterval(timer); rows.end(); },
  };
}
