// What somebody may do about an alert: say that it is looked after, let it be
// silent for a while, say whether it was of use. What weir does not offer, or not
// to this visitor, is not shown.

import type { care, collector, evidence } from "./api";
import { Problem, aborted, get, me, post } from "./ask";
import { badge, clock, el, octets, problem, set } from "./dom";
import type { Child } from "./dom";

const lengths = [["1 h", "1h"], ["4 h", "4h"], ["1 day", "24h"], ["1 week", "168h"]] as const;

type Care = care.Care | null;
type Do = "ack" | "unack" | "mute" | "unmute" | "mark";

/** Actions are the buttons for an alert. */
export interface Actions {
  element: HTMLElement;
  set(care: Care): void; // what holds of it now
}

/** said is what people did, in words. */
function said(care: Care): Child[] {
  const by = (d: care.Deed): string => `by ${d.by} at ${clock(d.at)}${d.note ? `: ${d.note}` : ""}`;
  const { ack, mute, mark } = care ?? {};
  return [
    ack && el("li", {}, badge("good", "acknowledged"), " ", by(ack)),
    mute && el("li", {}, badge("off", `muted until ${clock(mute.until)}`), " ", by(mute)),
    mark && el("li", {}, badge(mark.verdict === "useful" ? "good" : "off", mark.verdict), " ", by(mark)),
  ].filter((x) => x);
}

/** actions are the buttons for an alert; holds is what people did about it. */
export function actions(id: string, holds: Care, signal: AbortSignal): Actions {
  const out = el("div", { className: "care" });
  const note = el("input", { name: "note", placeholder: "a note, for the others", maxlength: "500", "aria-label": "note", autocomplete: "off" });
  let may = false, wrong: unknown = null, kept: evidence.File | undefined, wait = 0, looks = 0;

  const act = async (what: Do, ask: collector.DeedAsk): Promise<void> => {
    wrong = null;
    const text = note.value.trim();
    try {
      const done = await post(`/api/v1/alerts/{id}/${what}`, { id }, text ? { ...ask, note: text } : ask, signal);
      holds = done.care;
      wrong = done.wait || null;
      note.value = "";
    } catch (e) {
      if (aborted(e)) return;
      if (e instanceof Problem && (e.status === 404 || e.status === 405)) may = false;
      else wrong = e;
    }
    draw();
  };

  const button = (text: string, what: Do, ask: collector.DeedAsk = {}, title = ""): HTMLElement => el("button", { type: "button", title, onclick: () => void act(what, ask) }, text);

  function draw(): void {
    const mute = el("select", { "aria-label": "mute for", onchange: () => { if (mute.value) void act("mute", { for: mute.value }); } }, el("option", { value: "" }, "Mute for…"), lengths.map(([text, v]) => el("option", { value: v }, text)));
    const done = said(holds);
    set(out, done.length ? el("ul", { className: "plain" }, done) : null,
      may ? el("div", { className: "actions" },
        holds?.ack ? button("Take back", "unack") : button("Acknowledge", "ack", {}, "somebody looks after it: it does not remind"),
        holds?.mute ? button("Unmute", "unmute") : mute,
        button("Useful", "mark", { verdict: "useful" }, "it was worth being told"), button("Noise", "mark", { verdict: "noise" }, "it was not: weir report counts that"),
        note) : null,
      may && kept ? el("p", {}, el("a", { href: `/api/v1/evidence/${encodeURIComponent(kept.id)}`, download: `${kept.id}.pcapng` }, `packet headers sampled around it (pcapng, ${octets(kept.bytes)})`)) : null,
      wrong ? problem(wrong) : null);
  }

  // Headers are kept some seconds after an alert began, where there are any.
  const look = async (): Promise<void> => {
    clearTimeout(wait);
    const all = await get("/api/v1/evidence", {}, signal).catch(() => null), was = kept;
    if (all) kept = all.find((f) => f.id === id);
    if (kept?.bytes !== was?.bytes && !out.contains(document.activeElement)) draw();
    if (!kept && ++looks < 6 && !signal.aborted) wait = window.setTimeout(() => void look(), 5000);
  };

  draw();
  me().then((m) => {
    may = m.role === "operator" || m.role === "admin";
    draw();
    if (may) void look();
  }, () => { /* may stays false */ });
  return {
    element: out,
    set(next) {
      if (may) void look();
      if (out.contains(document.activeElement)) return;
      if (JSON.stringify(next) !== JSON.stringify(holds)) { holds = next; draw(); }
    },
  };
}
