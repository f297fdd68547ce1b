// Built by `make page` from src: change it there.

// collector/web/page/src/values.ts
var isValues = (v) => typeof v === "object" && v !== null && !Array.isArray(v);
var values = (v) => isValues(v) ? v : {};
var list = (v) => Array.isArray(v) ? v : [];
var text = (v) => typeof v === "string" || typeof v === "number" ? String(v) : "";
var number = (v) => typeof v === "number" ? v : void 0;
function finding(alert) {
  const a = values(alert);
  return { id: text(a.id), subject: values(a.subject), evidence: values(a.evidence) };
}
var effects = (evidence) => list(evidence.children).map(values).map((c) => {
  const s = values(c.subject);
  return {
    kind: text(c.kind),
    line: text(c.line),
    since: text(c.since),
    subject: { type: text(s.type), name: text(s.name), node: text(s.node), agent: text(s.agent), project: text(s.project), mac: text(s.mac), address: text(s.address) }
  };
});

// collector/web/page/src/ask.ts
var Problem = class extends Error {
  /** offset and end say where in a filter it is, in octets; -1 elsewhere. */
  constructor(message, status, offset = -1, end2 = 0) {
    super(message);
    this.status = status;
    this.offset = offset;
    this.end = end2;
  }
  status;
  offset;
  end;
};
var aborted = (e) => e instanceof DOMException && e.name === "AbortError";
var meanings = /* @__PURE__ */ new Map([
  [401, "weir wants to know who you are: sign in, or send a token."],
  [403, "You may not see or do this."],
  [404, "This weir does not offer that; it may be an older version."],
  [429, "weir is answering others; ask again in a moment."]
]);
var pause = (ms2) => new Promise((done) => {
  setTimeout(done, ms2);
});
async function request(path, options) {
  for (let tries = 0; ; tries++) {
    let r, said2;
    try {
      r = await fetch(path, options);
      said2 = await r.text();
    } catch (e) {
      if (aborted(e)) throw e;
      throw new Problem("weir does not answer. Is it still running, and is the way to it open?", 0);
    }
    if (r.status === 429 && tries < 8) {
      await pause(300 + 100 * tries);
      continue;
    }
    let body;
    try {
      body = JSON.parse(said2);
    } catch {
    }
    if (r.ok && body !== void 0) return body;
    const why = values(body);
    throw new Problem(text(why.problem) || text(why.error) || (r.ok ? "" : meanings.get(r.status)) || `weir answered ${r.status}: ${said2.slice(0, 200)}`, r.status, number(why.offset), number(why.end));
  }
}
function address(path, asks) {
  const query = new URLSearchParams();
  const at = path.replace(/\{(\w+)\}/g, (_, name3) => encodeURIComponent(asks[name3] ?? ""));
  for (const [k, v] of Object.entries(asks)) if (v !== void 0 && v !== "" && !path.includes(`{${k}}`)) query.set(k, String(v));
  return String(query) ? `${at}?${String(query)}` : at;
}
async function get(path, asks, signal) {
  return await request(address(path, asks), { signal: signal ?? null });
}
async function post(path, asks, body, signal) {
  return await request(address(path, asks), { method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
var asked = null;
var me = () => asked ??= get("/api/v1/me", {}).catch((e) => {
  asked = null;
  throw e;
});

// collector/web/page/src/dom.ts
var space = "http://www.w3.org/2000/svg";
var there = (children) => children.flatMap((c) => c === void 0 || c === null || c === false ? [] : c instanceof Node ? [c] : typeof c === "object" ? there(c) : [String(c)]);
function like(e, x) {
  const key = (y) => y.getAttribute("href") ?? y.getAttribute("name") ?? String(y.textContent);
  return [...e.querySelectorAll(x.tagName)].filter((y) => key(y) === key(x));
}
function set(e, ...children) {
  const held = document.activeElement;
  if (!held || held === e || !e.contains(held)) {
    e.replaceChildren(...there(children));
    return;
  }
  const at = like(e, held).indexOf(held);
  e.replaceChildren(...there(children));
  const now2 = like(e, held);
  (now2[at] ?? now2[0])?.focus({ preventScroll: true });
}
function fill(e, attributes, children) {
  for (const [k, v] of Object.entries(attributes)) {
    if (v === void 0 || v === null || v === false) continue;
    if (typeof v === "function") e.addEventListener(k.slice(2), v);
    else e.setAttribute(k === "className" ? "class" : k, v === true ? "" : String(v));
  }
  e.append(...there(children));
  return e;
}
var el = (name3, attributes, ...children) => fill(document.createElement(name3), attributes, children);
var svg = (name3, attributes, ...children) => fill(document.createElementNS(space, name3), attributes, children);
var prefixes = ["", "k", "M", "G", "T", "P"];
function parts(v) {
  let n = 0;
  let x = Math.abs(v);
  while (x >= 999.5 && n < prefixes.length - 1) {
    x /= 1e3;
    n++;
  }
  const digits = n === 0 ? x < 10 && x % 1 ? 1 : 0 : x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
  return [(v < 0 ? "-" : "") + x.toFixed(digits), prefixes[n] ?? "", n];
}
function scaled(v, unit) {
  if (!Number.isFinite(v)) return "–";
  const [digits, prefix] = parts(v);
  return `${digits} ${prefix}${unit}`.trimEnd();
}
function interval(low, high, unit) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "–";
  const [digits, prefix, n] = parts(high);
  const after = digits.includes(".") ? digits.length - digits.indexOf(".") - 1 : 0;
  return `${(low / 1e3 ** n).toFixed(after)}–${digits} ${prefix}${unit}`;
}
var bits = (v) => scaled(v, "bit/s");
var octets = (v) => scaled(v, "B");
var count = (v = 0) => v.toLocaleString("en").replaceAll(",", " ");
var many = (n, one2, more = `${one2}s`) => `${count(n)} ${n === 1 ? one2 : more}`;
var percent = (v, digits = 1) => `${(100 * v).toFixed(digits)} %`;
var two = (n) => String(n).padStart(2, "0");
function clock(t, milliseconds = false) {
  const d = new Date(t ?? NaN);
  if (Number.isNaN(d.getTime())) return "–";
  const time2 = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}` + (milliseconds ? `.${String(d.getMilliseconds()).padStart(3, "0")}` : "");
  const today = /* @__PURE__ */ new Date();
  return d.toDateString() === today.toDateString() ? time2 : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time2}`;
}
function lasting(ms2) {
  const s = Math.max(0, ms2) / 1e3;
  if (s < 1) return `${Math.round(s * 1e3)} ms`;
  if (s < 10) return `${s.toFixed(1).replace(".0", "")} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.round(s % 3600 / 60)} min`;
  return `${Math.round(s / 86400)} d`;
}
var since = (t, now2 = Date.now()) => lasting(now2 - Date.parse(t ?? ""));
var words = (s) => s.replaceAll("_", " ");
var time = (t, milliseconds = false) => Number.isNaN(Date.parse(t)) ? "–" : el("time", { datetime: t, title: new Date(t).toISOString() }, clock(t, milliseconds));
var badge = (severity, text2 = severity) => el("span", { className: `badge ${known(severity)}` }, text2);
var severities = ["good", "info", "warning", "critical", "off", "unseen", "ended"];
var known = (s) => severities.includes(s) ? s : "info";
var href = (view, parameters = {}) => {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(parameters)) if (v) q.set(k, v);
  return `#${view}${String(q) ? `?${String(q)}` : ""}`;
};
var link = (view, parameters, ...children) => el("a", { href: href(view, parameters) }, ...children);
var empty = (what, why = "") => el("p", { className: "empty" }, el("strong", {}, what), why ? ` ${why}` : "");
var problem = (e) => el("p", { className: "problem", role: "alert" }, e instanceof Error ? e.message : String(e));
var card = (title, attributes, ...children) => el("section", { "aria-label": title, ...attributes }, title ? el("h2", {}, title) : null, ...children);
function table(columns2, rows2) {
  const stacked = columns2.some(([, kind]) => kind === "long");
  return el("div", { className: "scroll" }, el(
    "table",
    { className: stacked && "stacked" },
    el("thead", {}, el("tr", {}, columns2.map(([name3, kind, title]) => el("th", { className: kind, scope: "col", title }, name3)))),
    el("tbody", {}, rows2.map((r) => el("tr", {}, r.map((c, i) => el("td", { className: columns2[i]?.[1], "data-name": stacked && columns2[i]?.[0] }, c)))))
  ));
}
function bar(share2, title = percent(share2)) {
  const s = svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: `bar ${share2 > 0.9 ? "critical" : share2 > 0.7 ? "warning" : ""}`, role: "img", "aria-label": title });
  s.append(svg("rect", { class: "ground", width: 100, height: 8, rx: 2 }), svg("rect", { class: "filled", width: Math.max(0, Math.min(share2, 1)) * 100, height: 8, rx: 2 }));
  return s;
}
var swatch = (color) => svg("svg", { class: "swatch", viewBox: "0 0 8 8", "aria-hidden": "true" }, svg("rect", { width: 8, height: 8, rx: 1.5, fill: color }));
var protocols = /* @__PURE__ */ new Map([[1, "ICMP"], [2, "IGMP"], [6, "TCP"], [17, "UDP"], [47, "GRE"], [50, "ESP"], [58, "ICMPv6"], [89, "OSPF"], [132, "SCTP"]]);
var protocol = (p = "") => p === "" ? "" : protocols.get(Number(p)) ?? `protocol ${p}`;
function download(name3, type, text2) {
  const url = URL.createObjectURL(new Blob([text2], { type }));
  const a = el("a", { href: url, download: name3 });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1e3);
}
var csv = (rows2) => rows2.map((r) => r.map((c) => {
  let s = String(c);
  if (typeof c !== "number" && /^[=+\-@\t\r]/.test(s)) s = `'${s}`;
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}).join(",")).join("\r\n") + "\r\n";

// collector/web/page/src/list.ts
function list2(label3, rows2, role = "list") {
  const space2 = el("div", { className: "space" });
  const box = el("div", { className: "list", role, "aria-label": label3, tabindex: "0" }, space2);
  let count2 = 0, at = -1, drawn = /* @__PURE__ */ new Map();
  function draw2(anew = false) {
    const height = rows2.height();
    const first2 = Math.max(0, Math.floor(box.scrollTop / height) - 8);
    const last2 = Math.min(count2, Math.ceil((box.scrollTop + (box.clientHeight || 600)) / height) + 8);
    const next = /* @__PURE__ */ new Map();
    for (let i = first2; i < last2; i++) {
      let row = anew ? void 0 : drawn.get(i);
      if (!row) {
        row = rows2.render(i);
        row.classList.add("row");
        row.style.top = `${i * height}px`;
        row.style.height = `${height}px`;
        row.addEventListener("click", () => {
          at = i;
          mark2();
        });
      }
      next.set(i, row);
    }
    drawn = next;
    space2.style.height = `${count2 * height}px`;
    set(space2, ...next.values());
    mark2();
  }
  function mark2() {
    for (const [i, row] of drawn) row.classList.toggle("at", i === at);
  }
  function move(to) {
    const height = rows2.height();
    at = Math.max(0, Math.min(count2 - 1, to));
    if (at * height < box.scrollTop) box.scrollTop = at * height;
    else if ((at + 1) * height > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * height - box.clientHeight;
    draw2();
  }
  box.addEventListener("scroll", () => draw2(), { passive: true });
  box.addEventListener("keydown", (e) => {
    const page = Math.max(1, Math.floor(box.clientHeight / rows2.height()) - 1);
    const to = (/* @__PURE__ */ new Map([["ArrowDown", at + 1], ["ArrowUp", at - 1], ["j", at + 1], ["k", at - 1], ["PageDown", at + page], ["PageUp", at - page], ["Home", 0], ["End", count2 - 1]])).get(e.key);
    if (to !== void 0) {
      move(to);
      e.preventDefault();
    } else if (at >= 0 && at < count2 && rows2.open(at, e.key)) e.preventDefault();
  });
  const watch = new ResizeObserver(() => draw2());
  watch.observe(box);
  return {
    element: box,
    update(n) {
      count2 = n;
      if (at >= n) at = n - 1;
      draw2(true);
    },
    end() {
      watch.disconnect();
    }
  };
}

// collector/web/page/src/agents.ts
var loss = (a) => a.received + a.lost ? a.lost / (a.received + a.lost) : 0;
var range = ([least, most]) => !most ? "–" : oneIn(least) === oneIn(most) ? oneIn(least) : `${oneIn(least)} … ${oneIn(most)}`;
var oneIn = (n) => `1:${count(Math.round(n))}`;
var silentAfter = 6e4;
var gravity = (a) => a.notes.some((n) => n.matters) ? 2 : a.notes.length ? 1 : 0;
var noted = (a, severity, what) => el("span", { title: a.notes.map((n) => n.text).join("\n") }, badge(severity, `${a.notes.length} ${what}`));
var first = { name: "agent", kind: "", by: (a) => a.name || a.agent, write: (a) => [el("strong", {}, a.name || a.agent), a.name ? el("span", { className: "dim" }, ` ${a.agent}`) : ""] };
var columns = [
  first,
  { name: "heard", kind: "number", by: (a) => -Date.parse(a.last_heard), write: (a, t) => t - Date.parse(a.last_heard) > silentAfter ? badge("warning", `silent ${since(a.last_heard, t)}`) : `${since(a.last_heard, t)} ago` },
  { name: "lost", kind: "number", by: loss, write: (a) => loss(a) > 0.01 ? badge("warning", percent(loss(a))) : percent(loss(a)) },
  { name: "datagrams", kind: "number", by: (a) => a.received, write: (a) => count(a.received) },
  { name: "told rate", kind: "number", by: (a) => a.sampling[1], write: (a) => range(a.sampling) },
  { name: "effective", kind: "number", by: (a) => a.effective[1], write: (a) => range(a.effective) },
  { name: "interfaces", kind: "number", by: (a) => a.interfaces, write: (a) => [count(a.interfaces), a.down ? el("span", { className: "dim" }, ` (${count(a.down)} down)`) : ""] },
  { name: "conformance", kind: "", by: gravity, write: (a) => gravity(a) === 2 ? noted(a, "warning", "to see") : gravity(a) ? noted(a, "info", "noted") : badge("good", "as told") },
  { name: "not decoded", kind: "number", by: (a) => a.debt, write: (a) => a.debt ? scaled(a.debt, "") : "–" }
];
function agents(parameters, context) {
  const name3 = parameters.get("agent");
  return name3 ? one(name3, context) : all(parameters, context);
}
var narrow = matchMedia("(max-width: 44rem)");
function all(parameters, { signal, go: go2 }) {
  let every = [], shown = [], at = Date.now();
  let order2 = columns.find((c) => c.name === parameters.get("order")) ?? first, down = parameters.get("down") === "1";
  const filter = el("input", { type: "search", placeholder: "name or address", "aria-label": "filter agents", value: parameters.get("filter") ?? "", spellcheck: "false" });
  const title = el("h2", {}, "Agents");
  const head = el("div", { className: "row head", role: "row" });
  const row = (a) => el(
    "a",
    { className: "agent", role: "row", href: href("agents", { agent: a.agent }) },
    columns.map(({ name: name3, kind, write }) => el("span", { className: kind, role: "cell", "data-name": name3 }, write(a, at)))
  );
  const rows2 = list2("agents", {
    height: () => narrow.matches ? 132 : 34,
    render(i) {
      const a = shown[i];
      return a ? row(a) : el("div", {});
    },
    open(i, key) {
      const a = shown[i];
      if (key !== "Enter" || !a) return false;
      go2("agents", { agent: a.agent });
      return true;
    }
  }, "table");
  const none = el("div", {}, empty("Reading…"));
  const debt = el("div", {}, empty("Reading…"));
  const draw2 = () => {
    set(head, columns.map((c) => el("button", { type: "button", role: "columnheader", className: c.kind, "aria-sort": c === order2 ? down ? "descending" : "ascending" : "none", onclick: () => {
      down = c === order2 ? !down : c !== first;
      order2 = c;
      keep();
      draw2();
    } }, c.name)));
    const text2 = filter.value.trim().toLowerCase();
    shown = every.filter((a) => !text2 || `${a.agent} ${a.source} ${a.name ?? ""}`.toLowerCase().includes(text2));
    const { by } = order2;
    shown.sort((x, y) => (by(x) < by(y) ? -1 : by(x) > by(y) ? 1 : 0) * (down ? -1 : 1) || (x.agent < y.agent ? -1 : 1));
    title.textContent = `${many(every.length, "agent")}${text2 ? `, ${count(shown.length)} shown` : ""}`;
    rows2.update(shown.length);
    rows2.element.hidden = head.hidden = !shown.length;
    set(none, shown.length ? "" : every.length ? empty("No agent fits.", "Take letters away.") : empty("No agent was heard yet.", "Point sFlow of switches and hypervisors at this machine, UDP port 6343; `weir sample` and `weir demo` help to begin."));
  };
  const keep = () => history.replaceState(null, "", href("agents", { filter: filter.value.trim(), order: order2 === first ? "" : order2.name, down: down ? "1" : "" }));
  filter.addEventListener("input", () => {
    keep();
    draw2();
  });
  narrow.addEventListener("change", draw2, { signal });
  const ask = async () => {
    try {
      const [a, status] = await Promise.all([get("/api/v1/agents/overview", {}, signal), get("/api/v1/status", {}, signal)]);
      every = a;
      at = Date.now();
      draw2();
      set(debt, debts(status));
      document.body.dataset.shown = "agents";
    } catch (e) {
      if (!aborted(e)) set(none, problem(e));
    }
  };
  void ask();
  const timer = setInterval(() => {
    if (!document.hidden) void ask();
  }, 5e3);
  return {
    title: "Agents",
    parts: [
      el("section", { className: "full" }, el("div", { className: "titled" }, title, filter), el("div", { className: "agents" }, head, rows2.element), none),
      card("Not decoded", { className: "full" }, el("p", { className: "note" }, "Records and samples of formats that this weir skips by their length: data that is sent and not used."), debt)
    ],
    focus: filter,
    end() {
      clearInterval(timer);
      rows2.end();
    }
  };
}
function debts(status) {
  const badly = badge("warning", "could not be read");
  const all2 = [
    ...status.skipped_records.map((of) => ({ what: "record", of })),
    ...status.samples.filter((of) => of.key !== "other" && (of.name ?? "").startsWith("other")).map((of) => ({ what: "sample", of })),
    ...status.errors.map((of) => ({ what: badly.cloneNode(true), of }))
  ];
  if (!all2.length) return empty("Nothing is skipped.", "Every structure that was sent is understood.");
  return table([["what"], ["format"], ["name"], ["count", "number"]], all2.sort((a, b) => b.of.count - a.of.count).map(({ what, of }) => [what, el("code", {}, of.key), of.name ?? "–", count(of.count)]));
}
function one(name3, { signal }) {
  const out = el("div", { className: "view" }, card("", {}, empty("Reading…")));
  let drawn = "";
  const ask = async () => {
    const a = await get("/api/v1/agent", { agent: name3 }, signal);
    const text2 = JSON.stringify(a);
    if (text2 === drawn || out.querySelector("details[open]")) return;
    drawn = text2;
    set(out, summary(a), a.info ? detail(a.info) : null);
    document.body.dataset.shown = "agent";
  };
  const fail = (e) => {
    if (!aborted(e)) set(out, card("", {}, problem(e), el("p", {}, link("agents", {}, "All agents"))));
  };
  ask().catch(fail);
  const timer = setInterval(() => {
    ask().catch(() => {
    });
  }, 3e3);
  return { title: name3, parts: [out], end: () => clearInterval(timer) };
}
function summary(a) {
  const silent = Date.now() - Date.parse(a.last_heard) > silentAfter;
  return [
    el(
      "section",
      { className: `hero ${silent ? "warning" : "good"}` },
      el("p", {}, badge(silent ? "warning" : "good", silent ? "silent" : "heard"), " ", el("span", { className: "dim" }, a.hypervisor ? "hypervisor" : "switch or host")),
      el("h2", {}, a.name ? `${a.name} (${a.agent})` : a.agent),
      el("p", { className: "dim" }, `from ${a.source} · last heard ${clock(a.last_heard)} · first ${clock(a.info?.first_heard)} · ${count(a.received)} datagrams, ${percent(loss(a), 2)} lost`),
      el("p", { className: "actions" }, link("explore", { filter: `agent = ${a.agent}`, by: "src,dst,proto,dst_port", from: "-15m" }, "its flows"), link("site", { node: a.agent }, "in the site"))
    ),
    card("Conformance", { className: "full" }, a.notes.length ? el("ul", { className: "plain" }, a.notes.map((n) => el("li", {}, badge(n.matters ? "warning" : "info", n.matters ? "matters" : "noted"), " ", n.text))) : empty("It does as it says.", "Sequences, sampling rates, speeds and counters fit together."))
  ];
}
function detail(i) {
  const interfaces = [...i.interfaces ?? []].sort((x, y) => used(y) - used(x) || x.index - y.index), sources = i.sources ?? [], debt = i.debt ?? [], hosts = i.hosts ?? [];
  return [
    card("Sub-agents", { className: "full" }, table(
      [["id", "number"], ["heard"], ["up for", "number"], ["restarts", "number"], ["lost", "number"], ["late, twice", "number"]],
      (i.sub_agents ?? []).map((s) => [s.id, clock(s.last_heard), lasting(s.uptime_ns / 1e6), count(s.restarts), percent(share(s.datagrams), 2), `${count(s.datagrams.late)}, ${count(s.datagrams.duplicates)}`])
    )),
    card(
      `Interfaces (${count(interfaces.length)})`,
      { className: "full" },
      interfaces.length ? table(
        [["interface"], ["state"], ["speed", "number"], ["in", "number"], ["out", "number"], ["load", "load"], ["packets/s", "number"], ["errors/s", "number"], ["discards/s", "number"]],
        interfaces.slice(0, 500).map((f) => [
          el("span", {}, el("strong", {}, f.name || `ifIndex ${f.index}`), f.alias ? el("span", { className: "dim" }, ` ${f.alias}`) : ""),
          !f.counted ? el("span", { className: "dim" }, "no counters") : f.oper_up ? badge("good", "up") : f.admin_up ? badge("critical", "down") : badge("off", "off"),
          f.speed ? scaled(f.speed, "bit/s") : "–",
          bits(max0(f.in.bits_per_second)),
          bits(max0(f.out.bits_per_second)),
          f.speed ? el("span", { className: "withbar" }, bar(used(f)), percent(used(f))) : "–",
          scaled(max0(f.in.packets) + max0(f.out.packets), ""),
          scaled(max0(f.in.errors) + max0(f.out.errors), ""),
          scaled(max0(f.in.discards) + max0(f.out.discards), "")
        ])
      ) : empty("No interface was told yet.", "Counter samples come every polling interval of the agent, often 20 or 30 s."),
      interfaces.length > 500 ? el("p", { className: "note" }, `${count(interfaces.length - 500)} more, with less load, are in weir agents --json.`) : ""
    ),
    card(`Data sources (${count(sources.length)})`, { className: "full" }, sources.length ? table(
      [["source"], ["told", "number"], ["effective", "number", "by sample_pool"], ["used", "number"], ["samples", "number"], ["lost", "number"], ["agent dropped", "number"], ["counters", "number"], ["direction"]],
      sources.slice(0, 500).map((s) => [el("code", {}, s.source), s.sampling_rate ? oneIn(s.sampling_rate) : "–", s.effective_rate ? oneIn(s.effective_rate) : "–", s.used_rate ? oneIn(s.used_rate) : "–", count(s.flows.received), percent(share(s.flows), 2), count(s.drops), count(s.counters.received), s.direction ?? "–"])
    ) : empty("No data source was told yet.", "This agent sends statements, no samples.")),
    debt.length ? card("Not decoded", { className: "full" }, el("p", { className: "note" }, "Records of formats that nobody here reads: sent, and not used."), table([["in samples of"], ["format"], ["name"], ["records", "number"]], debt.map((d) => [d.kind, el("code", {}, d.format), d.name ?? "–", count(d.count)]))) : null,
    hosts.length ? card(`Hosts and virtual machines (${hosts.length})`, { className: "full" }, table([["name"], ["identity"], ["source"], ["system"]], hosts.slice(0, 500).map((h) => [el("strong", {}, h.name), el("code", {}, h.uuid ?? "–"), h.source, h.os_release ?? "–"]))) : null
  ];
}
var max0 = (v) => Math.max(0, v ?? 0);
var used = (f) => f.speed ? Math.max(max0(f.in.bits_per_second), max0(f.out.bits_per_second)) / f.speed : 0;
var share = (s) => s.received + s.lost ? s.lost / (s.received + s.lost) : 0;

// collector/web/page/src/chart.ts
var colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)", "var(--c7)", "var(--c8)"];
function nice(v) {
  const size = 10 ** Math.floor(Math.log10(v));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((m) => m * size).find((m) => m >= v * 0.999) ?? v;
}
var left = 74;
var right = 12;
var top = 8;
var bottom = 22;
var value = (of, i) => of[i] ?? 0;
function chart(label3, height = 240) {
  const picture2 = el("div", { className: "chart", role: "img", "aria-label": label3 });
  const tip = el("div", { className: "tip", hidden: true });
  let data = null, drawn = null, pointer = null;
  function draw2(p) {
    const width = Math.max(280, picture2.clientWidth || 800);
    const s = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    const { times, series, total, unit } = p;
    const from = p.from ?? value(times, 0), to = Math.max(p.to ?? value(times, times.length - 1), from + 1);
    const sums = times.map((_, i) => series.reduce((n, x2) => n + value(x2.v, i), 0));
    const peak = Math.max(1, ...sums, ...total ?? [], ...times.map((_, i) => edge(series, i)));
    const most = nice(peak);
    const x = (t) => left + (width - left - right) * (t - from) / (to - from);
    const y = (v) => top + (height - top - bottom) * (1 - Math.min(v, most) / most);
    axes(s, { width, height, most, x, y, from, to, unit, ago: p.ago ?? false });
    const area = (lower, upper) => {
      const there2 = times.map((t, i) => `${x(t).toFixed(1)},${y(upper(i)).toFixed(1)}`);
      const back = times.map((t, i) => `${x(t).toFixed(1)},${y(lower(i)).toFixed(1)}`).reverse();
      return `M${there2.join("L")}L${back.join("L")}Z`;
    };
    if (total && times.length > 1) s.append(svg("path", { class: "rest", d: area((i) => value(sums, i), (i) => Math.max(value(total, i), value(sums, i))) }));
    let base = times.map(() => 0);
    const bands = [];
    for (const one2 of series) {
      const under = base;
      base = under.map((v, i) => v + value(one2.v, i));
      if (times.length < 2) continue;
      s.append(svg("path", { d: area((i) => value(under, i), (i) => value(base, i)), fill: one2.color, class: "area" }));
      bands.push(svg("path", { d: area((i) => value(under, i) + value(one2.low, i), (i) => value(under, i) + cap(one2, i)), fill: one2.color, class: "band" }));
    }
    s.append(...bands);
    drawn = { x, width, svg: s };
    set(picture2, s, tip);
    read();
  }
  function read() {
    tip.hidden = true;
    if (pointer === null || !data?.times.length || !drawn) return;
    const { times, series, total, unit } = data, { x, svg: s } = drawn, here = pointer;
    const at = times.reduce((best, t, i) => Math.abs(x(t) - here) < Math.abs(x(value(times, best)) - here) ? i : best, 0);
    const line = x(value(times, at));
    const rows2 = series.map((one2) => ({ one: one2, v: value(one2.v, at) })).filter(({ v }) => v > 0).sort((a, b) => b.v - a.v);
    set(
      tip,
      el("strong", {}, clock(times[at])),
      total ? ` ${scaled(value(total, at), unit)} in all` : "",
      rows2.map(({ one: one2, v }) => el("div", {}, swatch(one2.color), one2.name, " ", el("span", { className: "number" }, `${scaled(v, unit)} (${interval(value(one2.low, at), value(one2.high, at), unit)})`)))
    );
    tip.hidden = false;
    const room = picture2.clientWidth;
    tip.style.left = line > room / 2 ? "auto" : `${line + 12}px`;
    tip.style.right = line > room / 2 ? `${room - line + 12}px` : "auto";
    s.querySelector(".cursor")?.remove();
    s.append(svg("line", { class: "cursor", x1: line, x2: line, y1: top, y2: height - bottom }));
  }
  picture2.addEventListener("pointermove", (e) => {
    pointer = e.clientX - picture2.getBoundingClientRect().left;
    read();
  });
  picture2.addEventListener("pointerleave", () => {
    pointer = null;
    picture2.querySelector(".cursor")?.remove();
    tip.hidden = true;
  });
  const watch = new ResizeObserver(() => {
    if (data && drawn && Math.abs(drawn.width - Math.max(280, picture2.clientWidth)) > 1) draw2(data);
  });
  watch.observe(picture2);
  return {
    element: picture2,
    draw(p) {
      data = p.times.length ? p : null;
      if (data) draw2(data);
      else set(picture2);
    },
    end() {
      watch.disconnect();
    }
  };
}
var cap = (one2, i) => Math.min(value(one2.high, i), 3 * value(one2.v, i));
function edge(series, i) {
  let base = 0, most = 0;
  for (const one2 of series) {
    most = Math.max(most, base + cap(one2, i));
    base += value(one2.v, i);
  }
  return most;
}
function axes(s, g) {
  for (const part2 of [0, 0.25, 0.5, 0.75, 1]) {
    const at = g.y(part2 * g.most);
    s.append(svg("line", { class: "grid", x1: left, x2: g.width - right, y1: at, y2: at }));
    if (part2 % 0.5 === 0) s.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, part2 ? short(part2 * g.most, g.unit) : "0"));
  }
  const span2 = g.to - g.from;
  const wanted = Math.max(2, Math.min(8, Math.floor(g.width / 130)));
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((v) => v * 1e3).find((v) => span2 / v <= wanted) ?? span2;
  if (g.ago) {
    for (let ago = 0; ago <= span2; ago += step) label(s, g, g.x(g.to - ago), ago ? `-${ago / 1e3} s` : "now");
    return;
  }
  const shift = new Date(g.from).getTimezoneOffset() * 6e4;
  for (let t = Math.ceil((g.from - shift) / step) * step + shift; t <= g.to; t += step) {
    const d = new Date(t);
    const text2 = step >= 864e5 ? `${d.getMonth() + 1}-${String(d.getDate()).padStart(2, "0")}` : new Date(t).toTimeString().slice(0, step < 6e4 ? 8 : 5);
    label(s, g, g.x(t), text2);
  }
}
function label(s, g, x, text2) {
  s.append(svg("text", { x: Math.max(left, Math.min(x, g.width - right)), y: g.height - 6, "text-anchor": x > g.width - 40 ? "end" : x < left + 10 ? "start" : "middle" }, text2));
}
function short(v, unit) {
  let n = 0;
  while (v >= 1e3 && n < 5) {
    v /= 1e3;
    n++;
  }
  return `${Number(v.toPrecision(3))} ${["", "k", "M", "G", "T", "P"][n]}${unit}`;
}

// collector/web/page/src/explore.ts
var spans = [["5 min", "-5m"], ["15 min", "-15m"], ["1 h", "-1h"], ["6 h", "-6h"], ["24 h", "-1d"], ["7 d", "-7d"]];
var steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
var ready = [
  ["Top talkers", { by: "src,dst,proto,dst_port" }],
  ["Destinations", { by: "dst" }],
  ["Services", { by: "proto,dst_port" }],
  ["Instances", { by: "src_instance,dst_instance" }],
  ["Where it is seen", { by: "agent,input,output" }],
  ["Web", { filter: "proto = tcp and (dst_port = 80 or dst_port = 443)", by: "src,dst" }],
  ["DNS", { filter: "dst_port = 53", by: "src,dst" }]
];
function moment(text2, now2 = Date.now()) {
  if (text2 === "now" || !text2) return now2;
  const rel = /^-(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text2);
  if (rel && text2.length > 1) return now2 - 1e3 * [86400, 3600, 60, 1].reduce((n, size, i) => n + size * Number(rel[i + 1] ?? 0), 0);
  const day = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text2);
  if (day) return new Date(now2).setHours(Number(day[1]), Number(day[2]), Number(day[3] ?? 0), 0);
  return Date.parse(text2);
}
var columnsOf = (text2) => text2.split(",").map((s) => s.trim()).filter((s) => s);
var cell = (column, v) => (column === "proto" ? protocol(v) : v) || "–";
var named = (by, key) => (key ?? []).map((k, i) => cell(by[i], k)).join(" · ") || "all";
function flowsPanel(q, signal, told3 = () => {
}) {
  const out = el("div", { className: "answer" }, empty("Reading history…"));
  const picture2 = chart("flows over time"), short2 = el("p", { className: "note", hidden: true });
  const ask = async () => {
    const by = columnsOf(q.by);
    const at = Date.now(), from = moment(q.from || "-15m", at), to = moment(q.to || "now", at);
    const step = steps.find((s) => (to - from) / 1e3 / s <= 90) ?? 86400;
    try {
      const all2 = await get("/api/v1/flows", q, signal);
      told3(null, all2);
      if (!all2.rows.length) {
        set(out, empty("No flow sample fits.", q.filter ? "Take a word out of the filter, or look at more time." : "Nothing was sampled in that time: see which agents are heard."), (all2.notes ?? []).map((n) => el("p", { className: "note" }, n)));
        return;
      }
      set(out, picture2.element, short2, summary2(all2), rows(by, all2, q));
      const fixed = q.from && !q.from.startsWith("-") && Number.isFinite(to);
      const over = await get("/api/v1/flows", { ...q, to: fixed ? new Date(to).toISOString() : q.to, step: `${step}s`, top: colors.length }, signal);
      draw(picture2, over, from, to, step, by, out, short2);
    } catch (e) {
      if (aborted(e)) return;
      set(out, problem(e));
      told3(e, null);
    }
  };
  void ask();
  return { element: out, end: () => picture2.end() };
}
function draw(picture2, answer, from, to, step, by, out, short2) {
  const all2 = Math.ceil((to - from) / 1e3 / step);
  const lasts = (i) => Math.min(step, (to - from) / 1e3 - i * step);
  const n = Math.max(2, lasts(all2 - 1) < 0.3 * step ? all2 - 1 : all2);
  const times = Array.from({ length: n }, (_, i) => Math.min(to, from + (i + 0.5) * step * 1e3));
  short2.hidden = !answer.rows.some((r) => (r.step ?? 0) >= n);
  short2.textContent = `Not in the chart yet, and in the table: the last ${lasting(to - from - n * step * 1e3)}, of a step of ${lasting(step * 1e3)}.`;
  const series = /* @__PURE__ */ new Map();
  for (const r of answer.rows) {
    const name3 = named(by, r.key), at = r.step ?? 0;
    const one2 = series.get(name3) ?? { name: name3, color: colors[series.size % colors.length] ?? "", v: times.map(() => 0), low: times.map(() => 0), high: times.map(() => 0) };
    series.set(name3, one2);
    if (at >= n) continue;
    const seconds = Math.max(lasts(at), 0.1);
    [one2.v[at], one2.low[at], one2.high[at]] = [8 * r.bytes / seconds, 8 * r.low / seconds, 8 * r.high / seconds];
  }
  picture2.draw({ times, unit: "bit/s", from, to, series: [...series.values()] });
  for (const row of out.querySelectorAll("[data-name]")) {
    const one2 = series.get(row.dataset.name ?? "");
    if (one2) row.querySelector("rect")?.setAttribute("fill", one2.color);
  }
}
var summary2 = (a) => el("p", { className: "note" }, `${many(a.keys, "key")}, ${octets(a.total.bytes)} (${interval(a.total.low, a.total.high, "B")}) in ${many(a.total.samples, "sample")} · ${many(a.scanned, "row")} of ${many(a.files, "file")} read` + (a.skipped ? `, ${many(a.skipped, "part")} ruled out unread` : "") + (a.broken ? ` · ${a.broken}` : ""), (a.notes ?? []).map((n) => [el("br", {}), n]));
function rows(by, a, q) {
  const most = Math.max(1, ...a.rows.map((x) => x.bytes));
  const mark2 = (x) => el("span", { "data-name": named(by, x.key) }, swatch("var(--line)"));
  const narrow2 = (column, v) => {
    if (!v) return "–";
    const of = column.endsWith("_instance") ? / or /.test(v) ? "" : `"${(/ \(([-0-9a-f]{36})\)$/.exec(v)?.[1] ?? v).replaceAll('"', "")}"` : v;
    if (!of) return cell(column, v);
    const more = `${column.endsWith("_instance") ? "instance" : column} = ${of}`;
    const filter = q.filter ? `(${q.filter}) and ${more}` : more;
    return el("a", { href: href("explore", { ...q, filter }), title: `only ${more}` }, cell(column, v));
  };
  return table(
    [["", "swatches"], ...by.map((b) => [b.replaceAll("_", " ")]), ["volume", "number"], ["95 % interval", "number"], ["", "load"], ["packets", "number"], ["95 % interval", "number"], ["samples", "number"], ["seen at", "number", "vantage points that saw it"]],
    a.rows.map((x) => [mark2(x), ...(x.key ?? []).map((k, i) => narrow2(by[i] ?? "", k)), octets(x.bytes), interval(x.low, x.high, "B"), bar(x.bytes / most * 0.7), scaled(x.packets, ""), interval(x.packets_low, x.packets_high, ""), count(x.samples), count(x.points)])
  );
}
function suggest(input, box, signal) {
  let wait = 0, fits = [], at = -1;
  const cursor = () => input.selectionStart ?? input.value.length;
  const word = () => /[^\s()=<>!,]*$/.exec(input.value.slice(0, cursor()))?.[0] ?? "";
  const close = () => {
    box.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
  };
  const take = (w) => {
    const end2 = cursor(), begin = end2 - word().length;
    input.value = `${input.value.slice(0, begin)}${w} ${input.value.slice(end2)}`;
    input.focus();
    input.setSelectionRange(begin + w.length + 1, begin + w.length + 1);
    look();
  };
  const mark2 = () => [...box.children].forEach((c, i) => c.setAttribute("aria-selected", String(i === at)));
  const show = (list3) => {
    fits = list3.slice(0, 12);
    at = -1;
    if (!fits.length) {
      close();
      return;
    }
    set(box, fits.map((w) => el("li", { role: "option", onpointerdown: (e) => {
      e.preventDefault();
      take(w);
    } }, w)));
    box.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const look = () => {
    clearTimeout(wait);
    wait = window.setTimeout(async () => {
      const w = word(), before = input.value.slice(0, cursor() - w.length);
      const answer = await get("/api/v1/flows/filter", { filter: `${before}§` }, signal).catch(() => null);
      const list3 = (answer?.fits ?? []).filter((f) => f.toLowerCase().startsWith(w.toLowerCase()) && f !== w);
      if (document.activeElement === input) show(list3);
    }, 120);
  };
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (box.hidden) return;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      at = (at + (e.key === "ArrowDown" ? 1 : -1) + fits.length) % fits.length;
      mark2();
      e.preventDefault();
    } else if ((e.key === "Enter" || e.key === "Tab") && at >= 0) {
      take(fits[at] ?? word());
      e.preventDefault();
    } else if (e.key === "Escape") {
      close();
      e.preventDefault();
      e.stopPropagation();
    }
  });
}
var timeInput = (name3, value2) => el("input", { name: name3, value: value2, spellcheck: "false", size: value2.length > 10 ? "22" : "10" });
function caret(text2, e) {
  const bytes = new TextEncoder().encode(text2), decode = (from, to) => new TextDecoder().decode(bytes.slice(from, to));
  const before = [...decode(0, e.offset)].length, meant = Math.max(1, [...decode(e.offset, e.end)].length);
  return `${text2}
${" ".repeat(before)}${"^".repeat(meant)}
${e.message}`;
}
function exported(q, answer) {
  const all2 = [[...columnsOf(q.by), "bytes", "low", "high", "packets", "packets_low", "packets_high", "samples", "points"], ...answer.rows.map((r) => [...r.key ?? [], r.bytes, r.low, r.high, r.packets, r.packets_low, r.packets_high, r.samples, r.points])];
  const copied = (said2) => () => {
    link2.textContent = said2;
  };
  const link2 = el("button", { type: "button", onclick: () => void navigator.clipboard.writeText(location.href).then(copied("copied"), copied("not allowed")) }, "link");
  return [
    el("button", { type: "button", onclick: () => download("weir-flows.csv", "text/csv", csv(all2)) }, "CSV"),
    el("button", { type: "button", onclick: () => download("weir-flows.json", "application/json", JSON.stringify({ query: q, ...answer }, null, 1)) }, "JSON"),
    window.isSecureContext ? link2 : null
    // elsewhere browsers have no clipboard
  ];
}
function explore(parameters, { signal, go: go2 }) {
  const value2 = (name3, other) => parameters.get(name3) ?? other;
  const filter = el("input", { name: "filter", value: value2("filter", ""), spellcheck: "false", autocomplete: "off", placeholder: "such as: src = 10.0.0.5 and dst_port = 443", role: "combobox", "aria-expanded": "false", "aria-controls": "fits", "aria-label": "filter" });
  const fits = el("ul", { id: "fits", className: "fits", role: "listbox", hidden: true });
  const wrong = el("pre", { className: "problem", role: "alert", hidden: true });
  const by = el("input", { name: "by", value: value2("by", "src,dst,proto,dst_port"), spellcheck: "false", autocomplete: "off", list: "columns" });
  const columns2 = el("datalist", { id: "columns" });
  const from = timeInput("from", value2("from", "-15m")), to = timeInput("to", value2("to", "now"));
  const top2 = el("input", { name: "top", value: value2("top", "20"), inputmode: "numeric", size: "5" });
  const field = (label3, wide, ...e) => el("label", { className: wide }, label3, ...e);
  const exports = el("span", { className: "exports" });
  const read = (i) => i.value.trim();
  const current2 = () => ({ filter: read(filter), by: read(by), from: read(from), to: read(to), top: read(top2) });
  const submit = (change = {}) => go2("explore", { ...current2(), ...change });
  const chip = (text2, pressed, onclick) => el("button", { type: "button", className: "chip", "aria-pressed": String(pressed), onclick }, text2);
  const picked = el("div", { className: "chips", role: "group", "aria-label": "time range" }, spans.map(([text2, v]) => chip(text2, from.value === v && to.value === "now", () => submit({ from: v, to: "now" }))));
  const examples = el("div", { className: "chips", role: "group", "aria-label": "questions" }, ready.map(([text2, q]) => chip(text2, false, () => submit({ filter: "", ...q }))));
  const form = el(
    "form",
    { "aria-label": "query", onsubmit: (e) => {
      e.preventDefault();
      submit();
    } },
    field("filter", "wide", el("span", { className: "combo" }, filter, fits)),
    field("sum by", "by", by, columns2),
    field("from", "", from),
    field("to", "", to),
    field("top", "", top2),
    el("button", { type: "submit", className: "primary" }, "Ask")
  );
  suggest(filter, fits, signal);
  get("/api/v1/flows/columns", {}, signal).then((all2) => {
    set(columns2, all2.map((c) => el("option", { value: c })));
    by.title = `any of ${all2.join(", ")}, with commas`;
  }, () => {
  });
  const told3 = (e, answer) => {
    wrong.hidden = true;
    if (answer) set(exports, exported(current2(), answer));
    if (!(e instanceof Problem) || e.offset < 0) return;
    wrong.hidden = false;
    wrong.textContent = caret(filter.value, e);
    set(panel.element, empty("The filter is not understood yet.", "The caret is where; pick a word that fits."));
  };
  const panel = flowsPanel(current2(), signal, told3);
  return {
    title: "Explore",
    parts: [
      card("", { className: "full asking" }, form, wrong, el("div", { className: "under" }, picked, examples)),
      el("section", { className: "full" }, el("div", { className: "titled" }, el("h2", {}, "Flows"), exports), panel.element)
    ],
    focus: filter,
    end: () => panel.end()
  };
}

// collector/web/page/src/history.ts
var spans2 = [["1 h", "-1h"], ["24 h", "-1d"], ["7 d", "-7d"], ["30 d", "-30d"], ["1 year", "-365d"]];
var severities2 = ["info", "warning", "critical"];
function picture(all2, from, to) {
  const slots2 = 60, per = (to - from) / slots2;
  const bars = Array.from({ length: slots2 }, () => ({ critical: 0, warning: 0, info: 0 }));
  for (const a of all2) {
    const bar2 = bars[Math.floor((Date.parse(a.at) - from) / per)], severity = severities2.find((x) => x === a.severity);
    if (a.change === "start" && bar2 && severity) bar2[severity]++;
  }
  const most = Math.max(1, ...bars.map((b) => b.critical + b.warning + b.info));
  const s = svg("svg", { class: "strip", viewBox: "0 0 600 48", preserveAspectRatio: "none", role: "img", "aria-label": "alerts that began, over time" });
  bars.forEach((b, i) => {
    let y = 48;
    for (const severity of severities2) {
      const h = 44 * b[severity] / most;
      if (h) s.append(svg("rect", { class: severity, x: i * 10 + 1, width: 8, y: y -= h, height: h }));
    }
  });
  return s;
}
function past(parameters, { signal, go: go2 }) {
  const value2 = (n, other = "") => parameters.get(n) ?? other;
  const pick = (name3, first2, ...more) => el(
    "select",
    { name: name3, onchange: () => form.requestSubmit() },
    [first2, ...more].map(([v, text2]) => el("option", { value: v || "all", selected: (v || "all") === value2(name3, first2[0] || "all") }, text2))
  );
  const kind = el("select", { name: "kind", onchange: () => form.requestSubmit() }, el("option", { value: "" }, "all kinds"), value2("kind") ? el("option", { value: value2("kind"), selected: true }, words(value2("kind"))) : null);
  const subject = el("input", { name: "subject", type: "search", value: value2("subject"), placeholder: "name, address, project", spellcheck: "false" });
  const from = timeInput("from", value2("from", "-1d")), to = timeInput("to", value2("to", "now"));
  const severity = pick("severity", ["", "any severity"], ["critical", "critical"], ["critical,warning", "warning and worse"], ["info", "info"]);
  const change = pick("change", ["start,end", "beginnings and ends"], ["", "every change"], ["start", "beginnings"], ["end", "ends"]);
  const every = (v) => v === "all" ? "" : v;
  const current2 = () => ({ subject: subject.value.trim(), kind: kind.value, severity: severity.value, change: change.value, from: from.value.trim(), to: to.value.trim() });
  const form = el(
    "form",
    { "aria-label": "alerts", onsubmit: (e) => {
      e.preventDefault();
      go2("history", current2());
    } },
    el("label", { className: "wide" }, "about", subject),
    el("label", {}, "kind", kind),
    el("label", {}, "severity", severity),
    el("label", {}, "change", change),
    el("label", {}, "from", from),
    el("label", {}, "to", to),
    el("button", { type: "submit", className: "primary" }, "Show")
  );
  const chips = el("div", { className: "chips", role: "group", "aria-label": "time range" }, spans2.map(([text2, v]) => el("button", { type: "button", className: "chip", "aria-pressed": String(from.value === v && to.value === "now"), onclick: () => go2("history", { ...current2(), from: v, to: "now" }) }, text2)));
  const out = el("div", {}, empty("Reading…"));
  const ask = async () => {
    const q = current2();
    try {
      const a = await get("/api/v1/alerts/history", { ...q, severity: every(q.severity), change: every(q.change), limit: 1e3 }, signal);
      const all2 = [...a.alerts].reverse();
      const kinds = /* @__PURE__ */ new Set([...a.kinds ?? [], ...all2.map((x) => x.kind)]);
      for (const k of [...kinds].sort()) if (![...kind.options].some((o) => o.value === k)) kind.append(el("option", { value: k }, words(k)));
      document.body.dataset.shown = "history";
      if (!all2.length) {
        set(out, empty("No alert fits.", a.kinds?.length ? `History has ${a.kinds.map(words).join(", ")}.` : "Nothing was told in that time."));
        return;
      }
      set(
        out,
        picture(all2, moment(from.value), moment(to.value)),
        el("p", { className: "note" }, `${many(all2.length, "change")}${a.older ? ", the newest; there are older ones: narrow the time" : ""}`),
        table([["time", "number"], ["severity"], ["change", "one"], ["kind", "one"], ["alert", "long"]], all2.map((x) => [
          time(x.at, true),
          badge(x.change === "end" ? "ended" : x.severity, x.severity),
          x.change + (x.reason ? ` (${words(x.reason)})` : ""),
          words(x.kind),
          link("incident", { id: x.incident || x.id }, x.line)
        ]))
      );
    } catch (e) {
      if (!aborted(e)) set(out, problem(e));
    }
  };
  void ask();
  return { title: "History", parts: [card("", { className: "full asking" }, form, el("div", { className: "under" }, chips)), card("Alerts", { className: "full" }, out)], focus: subject };
}

// collector/web/page/src/actions.ts
var lengths = [["1 h", "1h"], ["4 h", "4h"], ["1 day", "24h"], ["1 week", "168h"]];
function said(care) {
  const by = (d) => `by ${d.by} at ${clock(d.at)}${d.note ? `: ${d.note}` : ""}`;
  const { ack, mute, mark: mark2 } = care ?? {};
  return [
    ack && el("li", {}, badge("good", "acknowledged"), " ", by(ack)),
    mute && el("li", {}, badge("off", `muted until ${clock(mute.until)}`), " ", by(mute)),
    mark2 && el("li", {}, badge(mark2.verdict === "useful" ? "good" : "off", mark2.verdict), " ", by(mark2))
  ].filter((x) => x);
}
function actions(id, holds, signal) {
  const out = el("div", { className: "care" });
  const note = el("input", { name: "note", placeholder: "a note, for the others", maxlength: "500", "aria-label": "note", autocomplete: "off" });
  let may = false, wrong = null, kept, wait = 0, looks = 0;
  const act = async (what, ask) => {
    wrong = null;
    const text2 = note.value.trim();
    try {
      const done = await post(`/api/v1/alerts/{id}/${what}`, { id }, text2 ? { ...ask, note: text2 } : ask, signal);
      holds = done.care;
      wrong = done.wait || null;
      note.value = "";
    } catch (e) {
      if (aborted(e)) return;
      if (e instanceof Problem && (e.status === 404 || e.status === 405)) may = false;
      else wrong = e;
    }
    draw2();
  };
  const button = (text2, what, ask = {}, title = "") => el("button", { type: "button", title, onclick: () => void act(what, ask) }, text2);
  function draw2() {
    const mute = el("select", { "aria-label": "mute for", onchange: () => {
      if (mute.value) void act("mute", { for: mute.value });
    } }, el("option", { value: "" }, "Mute for…"), lengths.map(([text2, v]) => el("option", { value: v }, text2)));
    const done = said(holds);
    set(
      out,
      done.length ? el("ul", { className: "plain" }, done) : null,
      may ? el(
        "div",
        { className: "actions" },
        holds?.ack ? button("Take back", "unack") : button("Acknowledge", "ack", {}, "somebody looks after it: it does not remind"),
        holds?.mute ? button("Unmute", "unmute") : mute,
        button("Useful", "mark", { verdict: "useful" }, "it was worth being told"),
        button("Noise", "mark", { verdict: "noise" }, "it was not: weir report counts that"),
        note
      ) : null,
      may && kept ? el("p", {}, el("a", { href: `/api/v1/evidence/${encodeURIComponent(kept.id)}`, download: `${kept.id}.pcapng` }, `packet headers sampled around it (pcapng, ${octets(kept.bytes)})`)) : null,
      wrong ? problem(wrong) : null
    );
  }
  const look = async () => {
    clearTimeout(wait);
    const all2 = await get("/api/v1/evidence", {}, signal).catch(() => null), was = kept;
    if (all2) kept = all2.find((f) => f.id === id);
    if (kept?.bytes !== was?.bytes && !out.contains(document.activeElement)) draw2();
    if (!kept && ++looks < 6 && !signal.aborted) wait = window.setTimeout(() => void look(), 5e3);
  };
  draw2();
  me().then((m) => {
    may = m.role === "operator" || m.role === "admin";
    draw2();
    if (may) void look();
  }, () => {
  });
  return {
    element: out,
    set(next) {
      if (may) void look();
      if (out.contains(document.activeElement)) return;
      if (JSON.stringify(next) !== JSON.stringify(holds)) {
        holds = next;
        draw2();
      }
    }
  };
}

// collector/web/page/src/flows.ts
var end = (a = "–", p) => p === void 0 || p === "" ? a : a.includes(":") ? `[${a}]:${p}` : `${a}:${p}`;
var name = (a) => a === void 0 || a === "" ? void 0 : String(a);
function flowName(key, domain = "") {
  const net = domain && domain !== "underlay" ? ` in ${domain}` : "";
  return `${end(name(key.src), key.src_port)} → ${end(name(key.dst), key.dst_port)} ${protocol(key.proto)}${net}`.trim();
}
function flowFilter(key) {
  return ["src", "dst", "proto", "src_port", "dst_port"].filter((k) => key[k] !== void 0 && key[k] !== "").map((k) => `${k} = ${key[k]}`).join(" and ");
}
function around(began, ended) {
  const from = new Date(Date.parse(began) - 6e4).toISOString();
  const last2 = ended ? Date.parse(ended) + 6e4 : Date.now();
  return { from, to: last2 >= Date.now() - 1e3 ? "now" : new Date(last2).toISOString() };
}

// collector/web/page/src/incident.ts
var ms = (t) => Date.parse(t);
function timeline(steps2, began, unfolded, ended) {
  const facts = collapse(steps2);
  const first2 = Math.min(ms(began), ...facts.map((f) => ms(f.before ?? f.at)));
  const last2 = Math.max(ended ? ms(ended) : Date.now(), ...facts.map((f) => ms(f.until ?? f.at)));
  const span2 = Math.max(last2 - first2, 1);
  const x = (t) => 100 * (ms(t) - first2) / span2;
  const draw2 = (f) => {
    const s = svg("svg", { class: "span", viewBox: "0 0 100 12", preserveAspectRatio: "none", role: "img", "aria-label": f.before ? `between ${clock(f.before, true)} and ${clock(f.at, true)}` : `at ${clock(f.at, true)}` });
    s.append(svg("line", { class: "grid", x1: 0, x2: 100, y1: 6, y2: 6 }));
    if (ended || began) s.append(svg("rect", { class: "open", x: x(began), width: Math.max(0.3, (ended ? x(ended) : 100) - x(began)), y: 0, height: 12 }));
    if (f.before) s.append(svg("rect", { class: "between", x: x(f.before), width: Math.max(0.8, x(f.at) - x(f.before)), y: 3, height: 6 }));
    if (f.until) s.append(svg("rect", { class: "between", x: x(f.at), width: Math.max(0.8, x(f.until) - x(f.at)), y: 3, height: 6 }));
    s.append(svg("rect", { class: `moment ${f.from ?? ""}`, x: Math.min(x(f.at), 99.2), width: 0.8, y: 0, height: 12 }));
    return s;
  };
  const which = (f) => {
    const key = `${f.at} ${f.node ?? ""} ${f.what}`;
    const all2 = el(
      "details",
      { open: unfolded.has(key), ontoggle: () => {
        if (all2.open) unfolded.add(key);
        else unfolded.delete(key);
      } },
      el("summary", {}, "which"),
      el("ul", { className: "plain" }, f.entities.map((e) => el("li", {}, e)))
    );
    return all2;
  };
  const row = (f) => el(
    "tr",
    { className: /: |_down|unreach|crash|fail|silent|flushed/.test(f.what) && !f.what.endsWith("is over") ? "bad" : f.what.endsWith("is over") ? "over" : "" },
    el("td", { className: "number" }, time(f.at, true)),
    el("td", { className: "number dim", title: "last seen otherwise so long before" }, f.before && f.before !== f.at ? `≤ ${lasting(ms(f.at) - ms(f.before))}` : ""),
    el("td", { className: "picture" }, draw2(f)),
    el(
      "td",
      { className: "long" },
      f.entities.length > 1 ? el("strong", {}, `${f.entities.length} × `) : "",
      told(f),
      f.was ? el("span", { className: "change" }, " ", el("span", { className: "was" }, f.was), " → ", el("span", { className: "is" }, f.is || "–")) : f.is ? el("span", { className: "change" }, ": ", el("span", { className: "is" }, f.is)) : "",
      f.entities.length > 1 ? which(f) : ""
    ),
    el("td", { className: "one" }, f.node ?? ""),
    el("td", { className: "one" }, f.from ? el("span", { className: `witness ${f.from === "agent" ? "agent" : "passive"}`, title: f.from === "agent" ? "weir-agent on the node says so" : "seen in sFlow of others" }, f.from) : "", f.skew && f.skew !== "0s" ? el("span", { className: "dim", title: "of the node's clock against this collector's" }, ` ${f.skew}`) : "")
  );
  return el("div", { className: "scroll" }, el(
    "table",
    { className: "timeline" },
    el("thead", {}, el("tr", {}, [["first seen", "number"], ["within", "number"], [`${clock(new Date(first2).toISOString())} – ${clock(new Date(last2).toISOString())}`, "picture"], ["what", "long"], ["node", "one"], ["witness", "one"]].map(([n, k]) => el("th", { scope: "col", className: k }, n)))),
    el("tbody", {}, facts.map(row))
  ));
}
var told = (f) => f.until ? `${words(f.what).replace(/, until [\d:.]+$/, "")}, until ${clock(f.until, true)}` : words(f.what);
function zone() {
  const m = -(/* @__PURE__ */ new Date()).getTimezoneOffset(), two2 = (n) => String(Math.floor(n)).padStart(2, "0");
  return m ? `UTC${m < 0 ? "−" : "+"}${two2(Math.abs(m) / 60)}:${two2(Math.abs(m) % 60)}` : "UTC";
}
function collapse(steps2) {
  const all2 = [];
  for (const s of steps2) {
    const last2 = all2.at(-1);
    const name3 = (s.entity ?? "").split("/").slice(1).join(" ");
    if (last2 && last2.what === s.what && last2.node === s.node && last2.from === s.from && Math.abs(ms(last2.at) - ms(s.at)) < 50 && last2.is === s.is) last2.entities.push(name3);
    else all2.push({ ...s, entities: [name3] });
  }
  return all2;
}
var factsTable = (facts) => table(
  [["first seen", "number"], ["last seen good", "number"], ["fact", "long"], ["before → after"], ["says", "one"], ["weight", "number", "nats: how much likelier the condition became"]],
  facts.map((f) => {
    const before = text(f.before), after = text(f.after), good = text(f.last_good);
    return [time(text(f.at), true), good ? time(good, true) : "–", text(f.what), before || after ? `${before || "–"} → ${after || "–"}` : "", text(f.from), number(f.weight)?.toFixed(1) ?? "–"];
  })
);
var unitsOf = [
  [/(^|_)(port|input|output|proto|if_index|vni|vlan|domain|type|code)$/, String],
  [/bits_per_second|speed$|low$|high$/, bits],
  [/octets|bytes/, octets],
  [/seconds/, (v) => lasting(v * 1e3)],
  [/confidence/, percent],
  [/rate$/, (v) => `1:${count(v)}`]
];
var moments = /(^|_)at$|since|first_sample|last_good/;
var titles = new Map(Object.entries({ bits_per_second: "rate", life_bits_per_second: "rate of its life", threshold_bits_per_second: "threshold", background_bits_per_second: "usual beside it", window_seconds: "window", life_seconds: "lasted", life_octets: "volume", frame_octets: "mean frame", seconds_to_alert: "told after", log_likelihood_ratio: "likelihood ratio (ln)", interface_speed: "speed of the link", effective_samples: "effective samples" }));
function figure(name3, v) {
  if (v === null || v === void 0) return "–";
  if (Array.isArray(v)) return v.map((x) => typeof x === "object" ? JSON.stringify(x) : String(x)).join(", ");
  if (typeof v === "object") return JSON.stringify(v);
  if (moments.test(name3)) return clock(typeof v === "number" ? v : text(v), true);
  const n = typeof v === "number" ? v : /^\d+$/.test(text(v)) ? Number(v) : void 0;
  if (n === void 0) return String(v);
  const unit = unitsOf.find(([r]) => r.test(name3));
  if (unit) return unit[1](n);
  return typeof v === "string" ? v : Number.isInteger(n) ? count(n) : n.toPrecision(4);
}
var plainValues = (o, skip = []) => Object.entries(o).filter(([k]) => !skip.includes(k));
function pairs(o, skip = []) {
  const left2 = [...skip];
  const ranged = (k) => {
    const stem = k.replace(/bits_per_second$|packets_per_second$/, "");
    const low = number(o[`${stem}low`]), high = number(o[`${stem}high`]);
    if (stem === k || low === void 0 || high === void 0) return "";
    left2.push(`${stem}low`, `${stem}high`);
    return ` (95 %: ${k.endsWith("bits_per_second") ? interval(low, high, "bit/s") : interval(low, high, "/s")})`;
  };
  return el("dl", { className: "pairs" }, plainValues(o).map(([k, v]) => ({ k, written: figure(k, v) + ranged(k) })).filter(({ k }) => !left2.includes(k)).map(({ k, written }) => [el("dt", {}, titles.get(k) ?? words(k).replace("per second", "/s")), el("dd", {}, written)]));
}
function question(i, subject) {
  const s = (name3) => text(subject[name3]);
  const all2 = i.addresses ?? [];
  if (s("src") && s("dst")) return flowFilter({ src: s("src"), dst: s("dst"), proto: s("proto"), src_port: s("src_port"), dst_port: s("dst_port") });
  const among = (field) => all2.length === 1 ? `${field} = ${all2.join()}` : `${field} in (${all2.join(", ")})`;
  if (all2.length) return `${among("src")} or ${among("dst")}`;
  for (const field of ["src", "dst"]) if (s(field)) return `${field} ${s(field).includes("/") ? "in" : "="} ${s(field)}`;
  for (const field of ["victim", "source", "prefix", "address"]) if (/^[\d.:a-f/]+$/i.test(s(field))) return `src in ${s(field)} or dst in ${s(field)}`;
  const port = number(subject.if_index) ?? 0, nodes = s("agent") && port ? [s("agent")] : [.../* @__PURE__ */ new Set([s("agent"), ...i.nodes ?? []])].filter((n) => n).slice(0, 16);
  if (!nodes.length) return "";
  return (nodes.length > 1 ? `agent in (${nodes.join(", ")})` : `agent = ${nodes.join()}`) + (s("type") === "interface" && port ? ` and (input = ${port} or output = ${port})` : "");
}
async function load(id, signal) {
  try {
    const i = await get("/api/v1/incidents/{id}", { id }, signal);
    return { incident: i, alert: finding(i.root) };
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    const all2 = await get("/api/v1/alerts", {}, signal);
    const own = all2.find((a) => a.id === id) ?? all2.find((a) => a.incident === id);
    if (!own) return past2(id, signal);
    const alert = { ...finding(own.alert), id: own.id };
    return { incident: { id, line: own.line, began: own.started, ended: own.ended, kind: own.kind, state: own.state, severity: own.severity, steps: [], children: effects(alert.evidence), affected: own.affected ?? 0, nodes: [], alerts: [] }, alert };
  }
}
async function past2(id, signal) {
  const h = await get("/api/v1/alerts/history", { from: "-400d", id, limit: 1e3 }, signal).catch(() => null);
  const all2 = (h?.alerts ?? []).filter((a) => a.id === id || a.incident === id);
  const first2 = all2[0], last2 = all2.at(-1);
  if (!first2 || !last2) throw new Problem(`No incident ${id} is kept. It may be older than history reaches, or the link is cut short.`, 404);
  const alert = { id: last2.id, subject: values(last2.subject), evidence: values(last2.evidence) };
  return {
    incident: { id, line: last2.line, began: first2.at, ended: last2.change === "end" ? last2.at : void 0, kind: last2.kind, state: last2.state, severity: last2.severity, steps: [], children: effects(alert.evidence), affected: number(alert.evidence.affected) ?? 0, nodes: [], alerts: all2.map((a) => `${clock(a.at, true)} ${a.change} ${a.line}`) },
    alert
  };
}
function full(columns2, rows2) {
  const kept = (_, i) => rows2.some((r) => r[i] !== "");
  return table(columns2.filter(kept), rows2.map((r) => r.filter(kept)));
}
function groups(kids) {
  const all2 = /* @__PURE__ */ new Map();
  for (const c of kids) {
    const what = words(c.kind), where = c.subject.type === "node" ? "" : c.subject.node || c.subject.agent || "";
    const nodes = all2.get(what) ?? /* @__PURE__ */ new Map();
    all2.set(what, nodes.set(where, (nodes.get(where) ?? 0) + 1));
  }
  return el("ul", { className: "plain" }, [...all2].map(([what, nodes]) => el(
    "li",
    {},
    el("strong", {}, `${count([...nodes.values()].reduce((a, b) => a + b, 0))} × ${what}`),
    nodes.size === 1 && nodes.has("") ? "" : el("span", { className: "dim" }, ": ", [...nodes].map(([n, k]) => `${n || "elsewhere"} ${count(k)}`).join(", "))
  )));
}
function places(out, keys, signal) {
  if (keys.length) get("/api/v1/site", {}, signal).then((m) => {
    const all2 = m.nodes.filter((n) => keys.includes(n.key)), sum = (k) => all2.reduce((s, n) => s + n[k], 0);
    if (!all2.length) return;
    set(
      out,
      el("h3", {}, `${many(all2.length, "node")} now: ${many(sum("instances"), "instance")}`, sum("bad") ? `, ${count(sum("bad"))} in trouble` : "", sum("unseen") ? `, ${count(sum("unseen"))} not observable` : ""),
      el("ul", { className: "plain inline" }, all2.slice(0, 40).map((n) => el(
        "li",
        {},
        el("span", { className: `mark ${known(n.health)}` }),
        link("site", { node: n.key }, n.name || n.key),
        el("span", { className: "dim" }, n.unseen ? ` ${count(n.unseen)} of ${count(n.instances)} not observable` : n.instances ? ` ${many(n.instances, "instance")}` : "")
      ))),
      all2.length > 40 ? el("p", { className: "note" }, `${count(all2.length - 40)} more nodes.`) : null
    );
  }, () => {
  });
}
function instances(i, where) {
  const kids = [...i.children ?? []].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0) || (a.subject.node ?? "").localeCompare(b.subject.node ?? "", "en", { numeric: true }));
  if (!kids.length) return null;
  return card(
    `Affected: ${count(i.affected)}`,
    { className: "wide" },
    groups(kids),
    where,
    full([["what", "one"], ["name", "one"], ["project", "one"], ["node", "one"], ["address", "one"], ["since", "number"], ["why", "long"]], kids.map((c) => [
      words(c.kind),
      c.subject.name ? el("strong", {}, c.subject.name) : "",
      c.subject.project ?? "",
      c.subject.agent ? link("site", { node: c.subject.agent }, c.subject.node || c.subject.agent) : c.subject.node ?? "",
      c.subject.mac ?? c.subject.address ?? "",
      time(c.since),
      c.line
    ])),
    i.affected > kids.length ? el("p", { className: "note" }, `${count(i.affected - kids.length)} more are counted and not listed.`) : null
  );
}
function advice(signal) {
  const out = el("div", {}), all2 = card("What it means", {}, out);
  let told3 = "";
  return (kind) => {
    if (kind === told3) return all2;
    told3 = kind;
    get("/api/v1/explain", { kind }, signal).then(
      (e) => set(
        out,
        el("p", {}, e.meaning),
        el("h3", {}, "Confirm it"),
        e.confirm.map((c) => el("pre", { className: "command" }, c)),
        el("h3", {}, "Usual causes"),
        el("p", {}, e.causes),
        el("h3", {}, "When it is wrong"),
        el("p", {}, e.wrong)
      ),
      () => {
        told3 = "";
        set(out, empty("Nothing more is known of this kind."));
      }
    );
    return all2;
  };
}
var stateOf = (id, alerts) => JSON.stringify(alerts.filter((a) => a.id === id || a.incident === id).map((a) => [a.id, a.at, a.ended, a.care]).sort());
var seldom = 3e4;
var again = 3e3;
function incident(parameters, { signal }) {
  const id = parameters.get("id") ?? "";
  const out = el("div", { className: "view" }, card("", {}, empty("Reading…")));
  const where = el("div", {}), age = el("span", {}), means = advice(signal);
  const unfolded = /* @__PURE__ */ new Set();
  let panel = null, shown = null, flows = null, buttons = null;
  let seen = "", heard = "", asked2 = 0, every = seldom, changed = true;
  const show = async () => {
    const alerts = await get("/api/v1/alerts", {}, signal).catch(() => []);
    const { incident: i, alert } = await load(id, signal);
    shown = i;
    every = i.ended ? Infinity : seldom;
    const { evidence, subject } = alert, own = alert.id || i.id, filter = question(i, subject), when = around(i.began, i.ended);
    const sure = number(evidence.confidence), cause = text(evidence.cause), blind = text(evidence.blind), facts = list(evidence.facts).map(values);
    if (!flows && filter) {
      panel = flowsPanel({ filter, by: "src,dst,proto,dst_port", ...when, top: "8" }, signal);
      flows = card("Flows around it", { className: "full" }, el("p", { className: "note" }, el("code", {}, filter), " · ", link("explore", { filter, by: "src,dst,proto,dst_port", ...when, top: "20" }, "open in Explore")), panel.element);
    }
    const care = alerts.find((a) => a.id === own)?.care ?? null;
    seen = stateOf(i.id, alerts);
    if (heard === seen) changed = false;
    places(where, i.nodes ?? [], signal);
    age.textContent = `, open for ${since(i.began)}`;
    if (!buttons) buttons = actions(own, care, signal);
    else buttons.set(care);
    const subjects = plainValues(subject, ["type"]).length ? pairs(subject) : null;
    set(
      out,
      el(
        "section",
        { className: `hero ${i.ended ? "ended" : i.severity}` },
        el("p", {}, badge(i.ended ? "ended" : i.severity), " ", el("span", { className: "dim" }, `${words(i.kind)} · ${i.state}${sure ? ` · ${percent(sure)} sure` : ""}`)),
        el("h2", {}, i.line),
        el("p", { className: "dim" }, `began ${clock(i.began, true)}`, i.ended ? `, ended ${clock(i.ended, true)} after ${lasting(ms(i.ended) - ms(i.began))}` : age, ` · ${i.id}`),
        cause ? el("p", {}, "Cause: ", el("strong", {}, cause)) : null,
        blind ? el("p", { className: "warning" }, "Not observable: ", blind) : null,
        buttons.element
      ),
      i.steps.length ? card(
        "What happened, in order",
        { className: "full" },
        el("p", { className: "note" }, "Bars reach from when something was last seen otherwise to when it was first seen so: it happened in between. Times are in ", zone(), "."),
        timeline(i.steps, i.began, unfolded, i.ended),
        i.cut ? el("p", { className: "note" }, "There were more facts than are kept.") : null
      ) : null,
      instances(i, where) ?? (subjects ? card("What it is about", { className: "wide" }, subjects) : null),
      means(i.kind),
      facts.length ? card("What it rests on", { className: "full" }, factsTable(facts)) : evidenceCard(evidence),
      flows,
      i.alerts.length ? card("As it was told", { className: "full" }, el("p", { className: "note" }, "Times are in UTC."), el("ol", { className: "told" }, i.alerts.map((l) => el("li", {}, l)))) : null
    );
    document.body.dataset.shown = "incident";
  };
  const fail = (e) => {
    if (!aborted(e)) set(out, card("", {}, problem(e), el("p", {}, link("history", {}, "Look in the history of alerts"))));
  };
  const ask = async () => {
    asked2 = Infinity;
    changed = false;
    try {
      await show();
    } catch (e) {
      every = e instanceof Problem && e.status >= 400 && e.status < 500 ? seldom : again;
      if (!shown) fail(e);
    }
    asked2 = Date.now();
  };
  const look = () => {
    if (shown) age.textContent = `, open for ${since(shown.began)}`;
    if (document.hidden || buttons?.element.contains(document.activeElement)) return;
    if (changed ? asked2 <= Date.now() : Date.now() - asked2 >= every) void ask();
  };
  void ask();
  const timer = setInterval(look, 1e3);
  return {
    title: "Incident",
    parts: [out],
    live(l) {
      const state = stateOf(shown?.id ?? id, l.alerts);
      if (state !== heard && state !== seen) changed = true;
      heard = state;
      look();
    },
    end() {
      clearInterval(timer);
      panel?.end();
    }
  };
}
function evidenceCard(e) {
  return plainValues(e, ["children"]).length ? card("What it rests on", { className: "full columns" }, pairs(e, ["children"])) : null;
}

// collector/web/page/src/now.ts
var span = 12e4;
var weights = /* @__PURE__ */ new Map([["critical", 3], ["warning", 2], ["info", 1]]);
var weight = (a) => weights.get(a.severity) ?? 0;
function grouped(alerts) {
  const all2 = /* @__PURE__ */ new Map();
  for (const a of alerts) {
    const id = a.incident || a.id, g = all2.get(id);
    if (!g) all2.set(id, { id, lead: a, more: 0 });
    else {
      g.more++;
      if (a.id === id || g.lead.id !== id && weight(a) > weight(g.lead)) g.lead = a;
    }
  }
  return [...all2.values()].sort((x, y) => weight(y.lead) - weight(x.lead) || Date.parse(y.lead.started) - Date.parse(x.lead.started));
}
var ongoing = (alerts) => grouped(alerts.filter((a) => !a.ended));
var cared = (c) => [c?.ack ? badge("good", `looked after by ${c.ack.by}`) : null, c?.mute ? badge("off", `muted until ${clock(c.mute.until)}`) : null].map((b) => b && [" ", b]);
var affected = (g) => (g.lead.affected ? ` · ${count(g.lead.affected)} affected` : "") + (g.more ? ` · ${many(g.more, "more alert")}` : "");
function incidentItem(g) {
  const a = g.lead;
  return el(
    "li",
    { className: `incident ${a.ended ? "ended" : a.severity}` },
    el(
      "a",
      { href: href("incident", { id: g.id }) },
      el("span", { className: "line" }, badge(a.ended ? "ended" : a.severity), " ", a.line),
      el(
        "span",
        { className: "dim" },
        `${words(a.kind)} · ${a.state} · since ${clock(a.started)}`,
        a.ended ? ` until ${clock(a.ended)}` : el("span", { className: "age", "data-since": a.started }, ` (${since(a.started)})`),
        affected(g),
        cared(a.care)
      )
    )
  );
}
function slots() {
  const held = /* @__PURE__ */ new Map();
  return (names) => {
    for (const n of [...held.keys()]) if (!names.includes(n)) held.delete(n);
    for (const n of names) if (!held.has(n)) held.set(n, colors.findIndex((_, i) => ![...held.values()].includes(i)));
    return held;
  };
}
var Flows = class {
  constructor(times) {
    this.times = times;
  }
  times;
  all = /* @__PURE__ */ new Map();
  put(name3, key, at, v, low, high) {
    const none = () => this.times.map(() => 0);
    const one2 = this.all.get(name3) ?? { name: name3, key, v: none(), low: none(), high: none() };
    this.all.set(name3, one2);
    one2.v[at] = v;
    one2.low[at] = low;
    one2.high[at] = high;
  }
};
function recent(r) {
  const from = Date.parse(r.from), n = Math.round((Date.parse(r.to) - from) / 1e3 / r.step), rate = 8 / r.step;
  const times = Array.from({ length: n }, (_, i) => from + (i + 1) * r.step * 1e3), flows = new Flows(times);
  for (const { key: [src, dst, proto, src_port, dst_port], step, bytes, low, high } of r.rows) {
    const key = { src, dst, proto, src_port, dst_port };
    if (step < n) flows.put(flowName(key), key, step, rate * bytes, rate * low, rate * high);
  }
  const all2 = [...flows.all.values()], first2 = Math.max(0, times.findIndex((_, i) => all2.some((f) => (f.v[i] ?? 0) > 0)));
  const cut = all2.map((f) => ({ ...f, v: f.v.slice(first2), low: f.low.slice(first2), high: f.high.slice(first2) })), rest = times.slice(first2);
  return { times: rest, flows: cut, total: rest.map((_, i) => cut.reduce((sum, f) => sum + (f.v[i] ?? 0), 0)) };
}
var unheard = () => el("div", {}, empty("Listening…"));
function now(_, { signal }) {
  const tiles = el("div", { className: "tiles" });
  const open2 = unheard(), ended = unheard(), links = unheard(), silent = unheard();
  const planned = card("Planned work", { hidden: true });
  const legend = unheard(), note = el("p", { className: "note" });
  const rest = el("p", { className: "note", hidden: true });
  const picture2 = chart("largest flows of the last two minutes", 260);
  const color = slots();
  const seconds = /* @__PURE__ */ new Map();
  let shown = "", paused = false, largest = 0, history2 = null;
  const keep = (top2) => {
    if (!top2) return;
    seconds.set(Date.parse(top2.to), top2);
    const newest = Math.max(...seconds.keys());
    for (const t of seconds.keys()) if (t < newest - span) seconds.delete(t);
  };
  const live = () => {
    const all2 = [...seconds].sort(([a], [b]) => a - b), times = all2.map(([t]) => t), flows = new Flows(times);
    all2.forEach(([, top2], i) => {
      for (const f of top2.items ?? []) flows.put(flowName(f.key, f.domain), f.key, i, f.rate, f.low, f.high);
    });
    return { times, flows: [...flows.all.values()], total: all2.map(([, top2]) => top2.total) };
  };
  const draw2 = ({ times, flows, total }) => {
    const last2 = times.length - 1, to = times[last2];
    if (to === void 0) return;
    const sum = (f) => f.v.reduce((a, b) => a + b, 0), peak = (f) => Math.max(...f.v), ends = (f) => f.v[last2] ?? 0;
    const score = (f) => sum(f) + 10 * ends(f);
    const most = [...flows].sort((a, b) => score(b) - score(a) || (a.name < b.name ? -1 : 1)).slice(0, colors.length);
    const held = color(most.map((f) => f.name)), slot = (f) => held.get(f.name) ?? 0, paint = (f) => colors[slot(f)] ?? "";
    most.sort((a, b) => slot(a) - slot(b));
    picture2.draw({ times, unit: "bit/s", ago: true, from: to - span, to, total, series: most.map((f) => ({ ...f, color: paint(f) })) });
    set(legend, !most.length ? empty("No flow was sampled in these two minutes.") : table([["flow", "long"], ["now", "number"], ["95 % interval", "number"], ["peak", "number", "of these two minutes"]], [...most].sort((a, b) => ends(b) - ends(a) || peak(b) - peak(a)).map((f) => [
      el("span", { className: "flow" }, swatch(paint(f)), link("explore", { filter: flowFilter(f.key), by: "agent,input,output", from: "-15m" }, f.name)),
      ends(f) ? bits(ends(f)) : "–",
      ends(f) ? interval(f.low[last2] ?? 0, f.high[last2] ?? 0, "bit/s") : "–",
      bits(peak(f))
    ])));
    largest = Math.max(0, ...flows.map(ends));
  };
  const look = async () => {
    if (paused || document.hidden) return;
    const r = await get("/api/v1/lookback/flows", {}, signal).catch(() => void 0);
    if (r === void 0 && history2) return;
    history2 = Boolean(r);
    set(note, history2 ? "Two minutes, each flow as the one point tells that saw most of it. Shaded edges are 95 % intervals; grey are further flows." : "Two minutes, summed over the points that sample a flow. Shaded edges are 95 % intervals; grey is all else.");
    draw2(r ? recent(r) : live());
  };
  const alerts = (all2) => {
    const state = JSON.stringify(all2.map((a) => [a.id, a.at, a.ended, a.care]));
    if (state === shown) {
      for (const e of open2.querySelectorAll("[data-since]")) e.textContent = ` (${since(e.dataset.since)})`;
      return;
    }
    shown = state;
    const live2 = ongoing(all2), over = (g) => Date.parse(g.lead.ended ?? "");
    const past3 = grouped(all2.filter((a) => a.ended)).sort((x, y) => over(y) - over(x));
    set(open2, live2.length ? el("ul", { className: "incidents" }, live2.map(incidentItem)) : empty("Nothing is wrong.", "Large flows, floods, scans, and bridges, hosts and instances that fail appear here the moment they are certain enough."));
    set(ended, past3.length ? el("ul", { className: "incidents small" }, past3.slice(0, 8).map(incidentItem)) : empty("Nothing ended yet."));
  };
  const tile = (name3, value2, note2, kind = "", to) => el(to ? "a" : "div", { className: `tile ${kind}`, href: to }, el("span", { className: "value" }, value2), el("span", { className: "name" }, name3), el("span", { className: "dim" }, note2));
  const head = (l) => {
    const live2 = ongoing(l.alerts);
    const worst = live2[0]?.lead.severity;
    set(
      tiles,
      tile(l.incidents_open === 1 ? "incident open" : "incidents open", count(l.incidents_open), worst ? `the gravest is ${worst}` : "all calm", worst ?? "good"),
      tile("largest flow", largest ? bits(largest) : "–", "now, by its samples", "", "#explore"),
      tile(l.agents === 1 ? "agent" : "agents", count(l.agents), l.silent.length ? `${l.silent.length}${l.silent.length >= 20 ? " or more" : ""} silent` : "all heard", l.silent.length ? "warning" : "", "#agents"),
      tile("datagrams/s", count(Math.round(l.datagrams_per_second)), `${percent(l.loss_percent / 100)} lost on the way`, l.loss_percent > 1 ? "warning" : ""),
      l.socket_dropped ? tile("dropped here", count(l.socket_dropped), "this collector is overloaded", "critical") : null
    );
  };
  const missing = (l) => {
    const more = l.incidents_open - ongoing(l.alerts).length;
    rest.hidden = more <= 0;
    if (more > 0) set(rest, `${many(more, "more incident is", "more incidents are")} open: here are the gravest ${count(l.alerts.length)} of ${count(l.alerts_total)} alerts. `, link("history", { change: "start", from: "-7d" }, "All are in History"));
  };
  const side = (l) => {
    set(links, l.links.length ? el("ul", { className: "plain links" }, l.links.slice(0, 8).map((k) => el(
      "li",
      {},
      el("span", {}, el("strong", {}, k.name), el("span", { className: "dim" }, ` ${k.agent}`)),
      el("span", { className: "number" }, k.load < 0 ? el("span", { className: "dim", title: "the agent does not tell the interface's speed" }, "speed unknown") : percent(k.load)),
      k.load < 0 ? "" : bar(k.load, `${k.name}: ${percent(k.load)} of ${bits(k.speed)}`),
      el("span", { className: "dim both" }, `in ${bits(k.in)}, out ${bits(k.out)}`)
    ))) : empty("No interface has told two polls yet.", "Rates need two counter samples of an interface."));
    set(silent, l.silent.length ? el("ul", { className: "plain" }, l.silent.map((n) => el("li", {}, badge("warning", "silent"), " ", n))) : empty("Everybody is heard.", "An agent that says nothing for a minute is listed here."));
  };
  const plans = () => get("/api/v1/windows", {}, signal).then((all2) => {
    const now2 = Date.now(), soon = all2.filter((w) => Date.parse(w.to) > now2 && Date.parse(w.from) < now2 + 864e5).sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
    planned.hidden = !soon.length;
    set(planned, el("h2", {}, "Planned work"), el("ul", { className: "plain" }, soon.slice(0, 8).map((w) => el(
      "li",
      {},
      badge(Date.parse(w.from) <= now2 ? "warning" : "info", Date.parse(w.from) <= now2 ? "now" : "soon"),
      " ",
      el("strong", {}, w.subject),
      ` ${w.reason}`,
      el("span", { className: "dim" }, ` · ${w.owner}, ${clock(w.from)} to ${clock(w.to)}`)
    ))), soon.length > 8 ? el("p", { className: "note" }, `${count(soon.length - 8)} more.`) : null);
  }, () => {
  });
  void plans();
  const planning = setInterval(() => {
    if (!document.hidden) void plans();
  }, 3e4);
  void get("/api/v1/lookback", {}, signal).then((all2) => all2.forEach(keep), () => {
  }).then(look);
  const timer = setInterval(() => void look(), 2e3);
  const others = [
    card("Largest flows", { className: "wide" }, note, picture2.element, legend),
    el("div", { className: "side" }, card("Most loaded links", {}, links), card("Silent agents", {}, silent), planned, card("Ended", {}, ended))
  ];
  return {
    title: "Now",
    parts: [tiles, card("Open incidents", {}, open2, rest), ...others],
    live(l) {
      if (paused) return;
      if (l.scoped) {
        for (const s of others) s.hidden = true;
        set(tiles, tile("incidents open", ongoing(l.alerts).length, `of ${l.scoped.join(", ")}`));
        alerts(l.alerts);
        document.body.dataset.shown = "now";
        return;
      }
      head(l);
      alerts(l.alerts);
      missing(l);
      keep(l.top);
      if (history2 === false) draw2(live());
      side(l);
      document.body.dataset.shown = "now";
    },
    key(k) {
      if (k !== "p") return false;
      paused = !paused;
      tiles.classList.toggle("paused", paused);
      return true;
    },
    end() {
      clearInterval(timer);
      clearInterval(planning);
      picture2.end();
    }
  };
}

// collector/web/page/src/site.ts
var healths = /* @__PURE__ */ new Map([["g", "good"], ["o", "off"], ["u", "unseen"], ["i", "info"], ["w", "warning"], ["c", "critical"]]);
var says = /* @__PURE__ */ new Map([["good", "well"], ["off", "stopped"], ["unseen", "not observable"], ["info", "noted"], ["warning", "warning"], ["critical", "critical"]]);
var rank = ["critical", "warning", "unseen", "info", "off", "good"];
var health = (letter) => healths.get(letter) ?? "unseen";
function dots(text2, wide = 24) {
  const cell2 = 9, columns2 = Math.min(wide, Math.max(text2.length, 1)), lines = Math.ceil(text2.length / columns2);
  const paths = /* @__PURE__ */ new Map();
  [...text2].forEach((c, i) => {
    const h = health(c);
    paths.set(h, `${paths.get(h) ?? ""}M${i % columns2 * cell2} ${Math.floor(i / columns2) * cell2}h7v7h-7z`);
  });
  const s = svg("svg", { class: "dots", width: columns2 * cell2, height: Math.max(lines, 1) * cell2, viewBox: `0 0 ${columns2 * cell2} ${Math.max(lines, 1) * cell2}`, role: "img", "aria-label": tally(text2) });
  for (const [h, d] of paths) s.append(svg("path", { class: h, d }));
  return s;
}
function tally(text2) {
  const all2 = [...text2].map(health);
  return rank.map((h) => ({ h, n: all2.filter((x) => x === h).length })).filter(({ n }) => n).map(({ h, n }) => `${count(n)} ${says.get(h) ?? h}`).join(", ") || "no instance";
}
var mark = (h) => el("span", { className: `mark ${known(h)}`, title: says.get(h) ?? h, role: "img", "aria-label": says.get(h) ?? h });
var label2 = (n) => n.name || n.key;
function site(parameters, { signal, go: go2 }) {
  let whole = null, tree = [], chosen = parameters.get("node") ?? "", branch, seen = "";
  const open2 = /* @__PURE__ */ new Set(["/"]), nodes = /* @__PURE__ */ new Map(), under = /* @__PURE__ */ new Map(), parts2 = /* @__PURE__ */ new Map();
  const below = (key) => under.get(key) ?? [];
  const text2 = el("input", { type: "search", placeholder: "instance, host, address, MAC, project", "aria-label": "search the site", value: parameters.get("search") ?? "", spellcheck: "false" });
  const sums = el("p", { className: "note" });
  const picture2 = el("div", { className: "branch" }, empty("Reading…"));
  const found = el("div", { className: "found", hidden: true });
  const rows2 = list2("the site as a tree", {
    height: () => 28,
    render(i) {
      const r = tree[i];
      return r ? row(r) : el("div", {});
    },
    open(i, key) {
      const r = tree[i];
      return r ? keys(r, key) : false;
    }
  }, "tree");
  function row(r) {
    const toggle = r.inner ? el("button", { type: "button", className: "toggle", tabindex: "-1", "aria-label": open2.has(r.path) ? "close" : "open", onclick: (e2) => {
      e2.stopPropagation();
      e2.preventDefault();
      flip(r);
    } }, open2.has(r.path) ? "▾" : "▸") : el("span", { className: "toggle" });
    const e = el(
      "a",
      { className: `leaf${r.node === chosen && r.type !== "instance" && r.type !== "bridge" ? " chosen" : ""}`, role: "treeitem", tabindex: "-1", "aria-level": r.depth + 1, "aria-expanded": r.inner ? String(open2.has(r.path)) : void 0, href: href("site", { node: r.node }) },
      toggle,
      mark(r.health),
      el("span", { className: "name" }, r.name),
      el("span", { className: "dim" }, ` ${r.note}`)
    );
    e.style.paddingLeft = `${8 + 18 * r.depth}px`;
    return e;
  }
  function keys(r, key) {
    if (key === "ArrowRight" && r.inner && !open2.has(r.path)) flip(r);
    else if (key === "ArrowLeft" && open2.has(r.path)) flip(r);
    else if (key === "Enter" || key === " ") go2("site", { node: r.node });
    else return false;
    return true;
  }
  function flip(r) {
    if (open2.has(r.path)) open2.delete(r.path);
    else {
      open2.add(r.path);
      if (!parts2.has(r.node)) void load2(r.node);
    }
    grow();
  }
  function grow() {
    tree = [];
    const walk = (n, depth) => {
      const path2 = `node ${n.key}`, children = below(n.key);
      const inner = children.length + (n.bridges ?? []).length > 0;
      tree.push({ path: path2, depth, node: n.key, type: n.kind, name: label2(n), health: n.health, inner, note: note(n) });
      if (!open2.has(path2)) return;
      for (const c of children) walk(c, depth + 1);
      for (const b of n.bridges ?? []) {
        const p = `${path2} ${b.name}`;
        tree.push({ path: p, depth: depth + 1, node: n.key, type: "bridge", name: b.name || "no bridge told", health: b.health, inner: b.instances.length > 0, note: b.instances ? tally(b.instances) : "" });
        if (!open2.has(p)) continue;
        const part2 = parts2.get(n.key)?.parts.find((x) => x.name === b.name);
        if (!part2) tree.push({ path: `${p} …`, depth: depth + 2, node: n.key, type: "instance", name: "reading…", health: "good", inner: false, note: "" });
        for (const i of part2?.instances ?? []) tree.push({ path: `${p} ${i.uuid ?? i.name}`, depth: depth + 2, node: n.key, type: "instance", name: i.name, health: i.health, inner: false, note: [i.project, i.state].filter((x) => x).join(", ") });
      }
    };
    for (const n of below("")) walk(n, 0);
    rows2.update(tree.length);
  }
  const note = (n) => [below(n.key).length ? `${count(below(n.key).length)} attached` : "", n.instances ? many(n.instances, "instance") : n.ports ? many(n.ports, "port") : "", n.unseen ? `${count(n.unseen)} not observable` : "", n.orphans ? many(n.orphans, "orphan") : ""].filter((x) => x).join(", ");
  function take(m) {
    whole = m;
    nodes.clear();
    under.clear();
    for (const n of m.nodes) nodes.set(n.key, n);
    for (const n of m.nodes) {
      const upper = n.under && nodes.has(n.under) && !loops(n) ? n.under : "", there2 = under.get(upper);
      if (there2) there2.push(n);
      else under.set(upper, [n]);
    }
    for (const all2 of under.values()) all2.sort((a, b) => Number(!under.has(a.key)) - Number(!under.has(b.key)) || label2(a).localeCompare(label2(b), "en", { numeric: true }));
    set(
      sums,
      `${many(m.nodes.length, "node")}, ${many(m.bridges, "bridge")}, ${many(m.instances, "instance")}`,
      m.bad ? el("span", {}, ", ", el("strong", { className: "critical" }, `${count(m.bad)} in trouble`)) : "",
      m.unseen ? el("span", {}, ", ", el("strong", {}, `${count(m.unseen)} not observable`)) : "",
      m.orphans ? el("span", { title: "ports and domains that belong to nobody" }, ", ", el("strong", {}, many(m.orphans, "orphan"))) : ""
    );
  }
  const above = (n) => nodes.get(n.under ?? "");
  function loops(n) {
    let x = n;
    for (let i = 0; x; x = above(x), i++) if (i > 8) return true;
    return false;
  }
  const cardOf = (n, big = false) => el(
    "a",
    { className: `node ${n.health}${big ? " big" : ""}`, href: href("site", { node: n.key }) },
    el("span", { className: "title" }, mark(n.self), el("strong", {}, label2(n)), el("span", { className: "dim" }, ` ${n.port ? `at ${n.port}` : n.kind}`)),
    (n.bridges ?? []).map((b) => el("span", { className: `bridge ${b.health}` }, el("span", { className: "dim" }, b.name || "no bridge told"), b.instances ? dots(b.instances, big ? 40 : 20) : el("span", { className: "dim" }, " no instance"))),
    !(n.bridges ?? []).length ? el("span", { className: "dim" }, `${many(n.ports, "port")}${n.ports_down ? `, ${count(n.ports_down)} down` : ""}`) : "",
    n.orphans ? el("span", { className: "dim", title: "ports and domains" }, `${many(n.orphans, "orphan")}`) : ""
  );
  function draw2() {
    if (!whole) return;
    const all2 = whole.nodes;
    if (!all2.length) {
      set(picture2, empty("Nothing is known of the site yet.", "It is learned from what agents send: within a minute of their first samples."));
      return;
    }
    const n = nodes.get(chosen);
    if (!n) {
      const tops = below(""), bad = all2.length > 12 ? all2.filter((x) => x.health === "critical" || x.health === "warning").sort((a, b) => rank.indexOf(a.health) - rank.indexOf(b.health) || b.bad - a.bad) : [];
      set(picture2, bad.length ? [el("h3", {}, `In trouble: ${many(bad.length, "node")}`), el("div", { className: "cards" }, bad.slice(0, 60).map((x) => cardOf(x))), el("h3", {}, "Everything")] : null, el("div", { className: "cards" }, tops.map((t) => under.has(t.key) ? group(t) : cardOf(t))));
      return;
    }
    const attached = below(n.key);
    set(
      picture2,
      el("p", { className: "crumbs" }, link("site", {}, "site"), ...path(n).flatMap((x) => [" › ", link("site", { node: x.key }, label2(x))])),
      cardOf(n, true),
      attached.length ? el("h3", {}, `Attached to it: ${count(attached.length)}`) : null,
      attached.length ? el("div", { className: "cards" }, attached.map((x) => cardOf(x))) : null,
      branch?.key === n.key ? details(branch) : empty("Reading…")
    );
  }
  const group = (t) => el("div", { className: "under" }, cardOf(t, true), el("div", { className: "cards" }, below(t.key).map((x) => under.has(x.key) ? group(x) : cardOf(x))));
  function path(n) {
    const all2 = [];
    let x = n;
    for (; x && all2.length < 9; x = above(x)) all2.unshift(x);
    return all2;
  }
  function named2(key) {
    const n = nodes.get(key);
    return n ? label2(n) : key;
  }
  function details(b) {
    const instances2 = b.parts.flatMap((p) => (p.instances ?? []).map((i) => ({ ...i, bridge: p.name })));
    instances2.sort((x, y) => rank.indexOf(x.health) - rank.indexOf(y.health));
    const ports = [...b.links, ...b.parts.flatMap((p) => p.ports ?? [])];
    return el(
      "div",
      {},
      el(
        "p",
        { className: "dim" },
        `heard ${since(b.last_heard)} ago`,
        b.speakers.length ? ` · ${b.speakers.join(", ")} ${b.speakers.length === 1 ? "speaks" : "speak"} for it` : "",
        b.version ? ` · weir-agent ${b.version}` : "",
        " · ",
        link("agents", { agent: b.key }, "as an agent"),
        " · ",
        link("explore", { filter: `agent = ${b.key}`, by: "src,dst,proto,dst_port" }, "its flows")
      ),
      instances2.length ? table([["", "swatches"], ["instance", "one"], ["project"], ["state", "one"], ["bridge", "one"], ["port", "one"], ["addresses"], ["observed by"]], instances2.slice(0, 300).map((i) => [
        mark(i.health),
        el("strong", { title: i.uuid }, i.name),
        i.project ?? "",
        i.state ?? "–",
        i.bridge || "–",
        el("code", {}, i.port ?? "–"),
        [...i.addresses ?? [], ...i.macs ?? []].map((x, k) => [k ? " " : "", (i.addresses ?? []).includes(x) ? link("explore", { filter: `src = ${x} or dst = ${x}`, by: "src,dst,proto,dst_port" }, x) : el("span", { className: "dim" }, x)]),
        i.observed.length ? el("span", { title: i.blind ? `not noticed in time: ${i.blind}` : "" }, i.observed.join(", ")) : badge("unseen", "nobody")
      ])) : null,
      instances2.length > 300 ? el("p", { className: "note" }, `${count(instances2.length - 300)} more are counted and not listed: search for them.`) : null,
      ports.length ? table([["", "swatches"], ["port"], ["state"], ["behind it"]], ports.slice(0, 200).map((p) => [mark(p.health), el("strong", {}, p.name), p.status, (p.attached ?? []).map((k, j) => [j ? ", " : "", link("site", { node: k }, named2(k))])])) : null,
      ports.length > 200 ? el("p", { className: "note" }, `${count(ports.length - 200)} more ports.`) : null
    );
  }
  async function load2(key) {
    try {
      const b = await get("/api/v1/site/branch", { node: key }, signal);
      parts2.set(key, b);
      for (const k of parts2.keys()) if (parts2.size > 200) parts2.delete(k);
      if (key === chosen) {
        branch = b;
        draw2();
        document.body.dataset.shown = "site";
      }
      grow();
    } catch (e) {
      if (!aborted(e) && key === chosen) set(picture2, problem(e));
    }
  }
  async function ask() {
    try {
      const m = await get("/api/v1/site", {}, signal);
      const state = JSON.stringify(m.nodes.map((n) => [n.key, n.name, n.health, n.under, n.bridges, n.orphans, n.ports_down]));
      if (state === seen) return;
      seen = state;
      const first2 = !whole;
      take(m);
      const at = nodes.get(chosen);
      if (first2) for (const n of at ? path(at) : m.nodes.length <= 40 ? m.nodes : below("").filter((x) => under.has(x.key))) open2.add(`node ${n.key}`);
      for (const key of [...parts2.keys()]) if (open2.has(`node ${key}`)) void load2(key);
      else parts2.delete(key);
      grow();
      draw2();
      if (chosen && first2) void load2(chosen);
      if (!chosen) document.body.dataset.shown = "site";
    } catch (e) {
      if (!aborted(e)) set(picture2, problem(e));
    }
  }
  let wait = 0;
  const search = () => {
    clearTimeout(wait);
    const t = text2.value.trim();
    found.hidden = !t;
    rows2.element.hidden = Boolean(t);
    if (!t) return;
    wait = window.setTimeout(async () => {
      try {
        const a = await get("/api/v1/site/search", { text: t }, signal);
        if (text2.value.trim() !== t) return;
        set(found, a.found.length ? el("ul", { className: "plain" }, a.found.map((f) => el("li", {}, el("a", { href: href("site", { node: f.node, search: t }) }, mark(f.health), el("strong", {}, f.name), el("span", { className: "dim" }, ` ${f.type}${f.label !== f.name ? ` on ${f.label}` : ""}${f.bridge && f.type !== "bridge" ? `, ${f.bridge}` : ""}${f.detail && f.detail !== f.name ? ` · ${f.detail}` : ""}`))))) : empty("Nothing is called that.", "Names, addresses, MAC addresses, projects and identities are looked at."), a.cut ? el("p", { className: "note" }, "There are more: write more letters.") : "");
      } catch (e) {
        if (!aborted(e)) set(found, problem(e));
      }
    }, 150);
  };
  text2.addEventListener("input", search);
  if (text2.value) search();
  void ask();
  const timer = setInterval(() => {
    if (!document.hidden) void ask();
  }, 3e3);
  const legend = el("ul", { className: "legend" }, ["good", "warning", "critical", "off", "unseen"].map((h) => el("li", {}, mark(h), says.get(h))));
  return {
    title: "Site",
    parts: [
      el("section", { className: "tree", "aria-label": "tree" }, text2, sums, found, rows2.element),
      el("section", { className: "wide", "aria-label": "picture" }, legend, picture2)
    ],
    focus: text2,
    update(p) {
      chosen = p.get("node") ?? "";
      branch = parts2.get(chosen);
      const at = nodes.get(chosen);
      for (const n of at ? path(at) : []) open2.add(`node ${n.key}`);
      if (chosen) void load2(chosen);
      grow();
      draw2();
      return true;
    },
    end() {
      clearInterval(timer);
      rows2.end();
    }
  };
}

// collector/web/page/src/app.ts
var views = /* @__PURE__ */ new Map([
  ["now", now],
  ["incident", incident],
  ["site", site],
  ["explore", explore],
  ["agents", agents],
  ["history", past]
]);
var order = ["now", "site", "explore", "agents", "history"];
function part(id, kind) {
  const e = document.getElementById(id);
  if (!(e instanceof kind)) throw new Error(`index.html has no ${id}`);
  return e;
}
var main = part("view", HTMLElement);
var pulse = part("pulse", HTMLParagraphElement);
var nav = part("nav", HTMLElement);
var help = part("help", HTMLDialogElement);
var current = { title: "weir", parts: [] };
var name2 = "";
var stop = new AbortController();
var open = 0;
var last = null;
var go = (view, parameters) => {
  location.hash = href(view, parameters);
};
function titled() {
  document.title = `${open ? `(${open}) ` : ""}${current.title} · weir`;
}
function route() {
  help.close();
  const [, wanted = "", query = ""] = /^#?([^?]*)\??(.*)$/.exec(location.hash) ?? [];
  const next = views.has(wanted) ? wanted : "now", parameters = new URLSearchParams(query);
  if (next === name2 && current.update?.(parameters)) return;
  const same = next === name2, held = same ? document.activeElement?.getAttribute("name") : null;
  stop.abort();
  current.end?.();
  stop = new AbortController();
  delete document.body.dataset.shown;
  name2 = next;
  try {
    current = (views.get(next) ?? now)(parameters, { signal: stop.signal, go });
  } catch (e) {
    current = { title: "weir", parts: [el("section", { className: "full" }, empty("This view could not be shown.", String(e)))] };
  }
  main.className = next;
  set(main, ...current.parts);
  if (held) main.querySelector(`[name="${CSS.escape(held)}"]`)?.focus();
  else if (!same) window.scrollTo(0, 0);
  for (const a of nav.querySelectorAll("a")) {
    if (a.getAttribute("href") === `#${next === "incident" ? "now" : next}`) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  titled();
  if (last) current.live?.(last);
}
new MutationObserver(() => {
  if (document.body.dataset.shown) performance.mark(`shown ${document.body.dataset.shown}`);
}).observe(document.body, { attributes: true, attributeFilter: ["data-shown"] });
function told2(l) {
  last = l;
  pulse.className = "";
  pulse.textContent = l.scoped ? `alerts of ${l.scoped.join(", ")}` : `${Math.round(l.datagrams_per_second)} datagrams/s from ${many(l.agents, "agent")}`;
  if (!l.scoped) pulse.title = `${many(l.agents, "agent")}, ${percent(l.loss_percent / 100)} of their datagrams lost`;
  open = l.scoped ? new Set(l.alerts.filter((a) => !a.ended).map((a) => a.incident || a.id)).size : l.incidents_open;
  titled();
  current.live?.(l);
}
function lost() {
  pulse.className = "lost";
  pulse.textContent = "weir does not answer; trying again";
}
async function poll(projects) {
  for (const a of nav.querySelectorAll("a")) a.hidden = !["#now", "#history"].includes(a.getAttribute("href") ?? "");
  await get("/api/v1/alerts", {}).then((alerts) => told2({ scoped: projects, alerts }), lost);
  setTimeout(() => void poll(projects), 3e3);
}
function listen() {
  const path = "/api/v1/live", live = new EventSource(path);
  live.onmessage = (e) => told2(JSON.parse(e.data));
  live.onerror = () => {
    lost();
    if (live.readyState !== EventSource.CLOSED) return;
    void me().catch(() => null).then((m) => m?.projects?.length ? void poll(m.projects) : setTimeout(listen, 3e3));
  };
}
var shortcuts = [["1 … 5", "Now, Site, Explore, Agents, History"], ["/", "to the filter or search of the view"], ["↑ ↓ j k", "along a list; ← → close and open a branch"], ["Enter", "open what is chosen"], ["p", "hold Now still, and go on"], ["t", "light, dark, as the system has it"], ["Backspace", "back"], ["?", "this"], ["Esc", "close"]];
set(
  help,
  el("h2", {}, "Keyboard"),
  el("dl", { className: "keys" }, shortcuts.map(([k, what]) => [el("dt", {}, el("kbd", {}, k)), el("dd", {}, what)])),
  el("h2", {}, "What figures mean"),
  el("p", {}, "Traffic is estimated from samples: a figure always has its 95 % interval beside it. Where several points see a flow, its figures are those of the one that saw most of it; without a history Now adds up all of them."),
  el("p", { className: "dim" }, "Everything here comes from this weir alone: nothing is fetched from elsewhere."),
  el("form", { method: "dialog", onsubmit: (e) => {
    e.preventDefault();
    help.close();
  } }, el("button", { className: "primary" }, "Close"))
);
help.addEventListener("click", (e) => {
  if (e.target === help) help.close();
});
var themes = ["system", "light", "dark"];
var colours = part("theme", HTMLButtonElement);
function theme(next) {
  const root = document.documentElement;
  let was = "system";
  try {
    was = localStorage.getItem("theme") ?? "system";
  } catch {
  }
  const to = (next ? themes[(themes.indexOf(was) + 1) % themes.length] : was) ?? "system";
  try {
    localStorage.setItem("theme", to);
  } catch {
  }
  if (to === "light" || to === "dark") root.dataset.theme = to;
  else delete root.dataset.theme;
  colours.title = `colours: ${to} (t)`;
}
colours.addEventListener("click", () => theme(true));
part("keys", HTMLButtonElement).addEventListener("click", () => help.showModal());
window.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
  const at = e.target instanceof HTMLElement ? e.target : null;
  if (at?.closest("input, textarea, select, [contenteditable]")) {
    if (e.key === "Escape") at.blur();
    return;
  }
  const view = /^[1-9]$/.test(e.key) ? order[Number(e.key) - 1] : void 0;
  if (view) go(view, {});
  else if (e.key === "?") help.showModal();
  else if (e.key === "t") theme(true);
  else if (e.key === "Backspace") history.back();
  else if (e.key === "/" && current.focus) {
    current.focus.focus();
    current.focus.select();
  } else if (!current.key?.(e.key)) return;
  e.preventDefault();
});
window.addEventListener("hashchange", route);
theme(false);
route();
listen();
get("/api/v1/status", {}).then((s) => {
  part("version", HTMLSpanElement).textContent = s.version ? `weir ${s.version.replace(/-.*/s, "")}` : "";
}, () => {
});
