// What the document of the API leaves open: subject and evidence of an alert differ
// by its kind, so that each value is looked at before it is used.

import type { site } from "./api";

export type Values = Readonly<Record<string, unknown>>;

const isValues = (v: unknown): v is Values => typeof v === "object" && v !== null && !Array.isArray(v);

/** values are the members of an object; what is none has none. */
export const values = (v: unknown): Values => (isValues(v) ? v : {});
export const list = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : []);
export const text = (v: unknown): string => (typeof v === "string" || typeof v === "number" ? String(v) : "");
export const number = (v: unknown): number | undefined => (typeof v === "number" ? v : undefined);

/** Finding is what an alert says. */
export interface Finding { id: string; subject: Values; evidence: Values }

/** finding reads an alert as it was sent; of none it is empty. */
export function finding(alert: unknown): Finding {
  const a = values(alert);
  return { id: text(a.id), subject: values(a.subject), evidence: values(a.evidence) };
}

/** effects are what an alert took along. */
export const effects = (evidence: Values): site.Child[] => list(evidence.children).map(values).map((c) => {
  const s = values(c.subject);
  return {
    kind: text(c.kind), line: text(c.line), since: text(c.since),
    subject: { type: text(s.type), name: text(s.name), node: text(s.node), agent: text(s.agent), project: text(s.project), mac: text(s.mac), address: text(s.address) },
  };
});
