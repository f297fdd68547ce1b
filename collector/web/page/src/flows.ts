// Names of flows, and the questions to history about them.

import { protocol } from "./dom";

/** Key tells flows apart: the members that it has. */
export type Key = Readonly<Record<string, string | number | undefined>>;

const end = (a = "–", p?: string | number): string => (p === undefined || p === "" ? a : a.includes(":") ? `[${a}]:${p}` : `${a}:${p}`);
const name = (a?: string | number): string | undefined => (a === undefined || a === "" ? undefined : String(a));

/** flowName writes 10.0.0.5:443 → 10.0.0.9:5321 TCP. */
export function flowName(key: Key, domain = ""): string {
  const net = domain && domain !== "underlay" ? ` in ${domain}` : "";
  return `${end(name(key.src), key.src_port)} → ${end(name(key.dst), key.dst_port)} ${protocol(key.proto)}${net}`.trim();
}

/** flowFilter selects a flow from history. */
export function flowFilter(key: Key): string {
  return ["src", "dst", "proto", "src_port", "dst_port"].filter((k) => key[k] !== undefined && key[k] !== "").map((k) => `${k} = ${key[k]}`).join(" and ");
}

/** around is a time before and after something, as history is asked for it. */
export function around(began: string, ended?: string): { from: string; to: string } {
  const from = new Date(Date.parse(began) - 60_000).toISOString();
  const last = ended ? Date.parse(ended) + 60_000 : Date.now();
  return { from, to: last >= Date.now() - 1000 ? "now" : new Date(last).toISOString() };
}
