// What somebody may do about an alert: say that it is looked after, let it be
// silent for a while, say whether it was of use. What weir does not offer, or not
// to this visitor, is not shown.

import { api, badge, clock, el, me, octets, problem, set } from "./dom.js";

const lengths = [["1 h", "1h"], ["4 h", "4h"], ["1 day", "24h"], ["1 week", "168h"]];

/** said is what people did, in words. */
function said(care) {
  const by = (d) => `by ${d.by} at ${clock(d.at)}${d.note ? `: ${d.note}` : ""}`;
  return [
    care?.ack && el("li", {}, badge("good", "acknowledged"), " ", by(care.ack)),
    care?.mute && el("li", {}, badge("off", `muted until ${clock(care.mute.until)}`), " ", by(care.mute)),
    care?.mark && el("li", {}, badge(care.mark.verdict === "useful" ? "good" : "off", care.mark.verdict), " ", by(care.mark)),
  ];
}

/** actions are the buttons for an alert; care is what holds of it. */
export function actions(id, care, signal) {
  const out = el("div", { className: "care" });
  let may = false, wrong = null, kept = null;

  const act = async (what, ask) => {
    wrong = null;
    const note = out.querySelector("input")?.value.trim();
    try {
      const done = await api(`/api/v1/alerts/${encodeURIComponent(id)}/${what}`, { method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(note ? { ...ask, note } : ask) });
      care = done.care;
      wrong = done.wait ? { message: done.wait } : null;
    } catch (e) {
      if (e.name === "AbortError") return;
      if (e.status === 404 || e.status === 405) may = false;
      else wrong = e;
    }
    draw();
  };

  const button = (text, what, ask = {}, title = "") => el("button", { type: "button", title, onclick: () => act(what, ask) }, text);

  function draw() {
    const mute = el("select", { "aria-label": "mute for", onchange: (e) => e.target.value && act("mute", { for: e.target.value }) }, el("option", { value: "" }, "Mute for…"), lengths.map(([text, v]) => el("option", { value: v }, text)));
    const done = said(care).filter((x) => x);
    set(out, done.length ? el("ul", { className: "plain" }, done) : null,
      may ? el("div", { className: "actions" },
        care?.ack ? button("Take back", "unack") : button("Acknowledge", "ack", {}, "somebody looks after it: it does not remind"),
        care?.mute ? button("Unmute", "unmute") : mute,
        button("Useful", "mark", { verdict: "useful" }, "it was worth being told"), button("Noise", "mark", { verdict: "noise" }, "it was not: weir report counts that"),
        el("input", { name: "note", placeholder: "a note, for the others", maxlength: "500", "aria-label": "note", autocomplete: "off" })) : null,
      may && kept ? el("p", {}, el("a", { href: `/api/v1/evidence/${encodeURIComponent(kept.id)}`, download: `${kept.id}.pcapng` }, `packet headers sampled around it (pcapng, ${octets(kept.bytes)})`)) : null,
      wrong ? problem(wrong) : null);
  }

  // Headers are kept some seconds after an alert began.
  const look = () => api("/api/v1/evidence", { signal }).then((all) => { const was = kept; kept = all?.find((f) => f.id === id) ?? null; if (kept?.bytes !== was?.bytes && !out.contains(document.activeElement)) draw(); }, () => {});

  draw();
  me().then((m) => { may = m?.role === "operator" || m?.role === "admin"; draw(); if (may) look(); }, () => {});
  return {
    element: out,
    set(next) { if (may) look(); if (out.contains(document.activeElement)) return; if (JSON.stringify(next) !== JSON.stringify(care)) { care = next; draw(); } },
  };
}
