// Questions to weir, and its answers.

import type { Asked, Gets, Posts, web } from "./api";
import { number, text, values } from "./values";

/** Problem is an answer that is none, in words for people. */
export class Problem extends Error {
  /** offset and end say where in a filter it is, in octets; -1 elsewhere. */
  constructor(message: string, readonly status: number, readonly offset = -1, readonly end = 0) {
    super(message);
  }
}

/** aborted tells that nobody waits for the answer any more. */
export const aborted = (e: unknown): boolean => e instanceof DOMException && e.name === "AbortError";

const meanings = new Map([
  [401, "weir wants to know who you are: sign in, or send a token."],
  [403, "You may not see or do this."],
  [404, "This weir does not offer that; it may be an older version."],
  [429, "weir is answering others; ask again in a moment."],
]);

const pause = (ms: number): Promise<void> => new Promise((done) => { setTimeout(done, ms); });

/** request returns the body of an answer, and throws a Problem. Whoever is busy is asked again. */
async function request(path: string, options: RequestInit): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    let r: Response, said: string;
    try {
      r = await fetch(path, options);
      said = await r.text();
    } catch (e) {
      if (aborted(e)) throw e;
      throw new Problem("weir does not answer. Is it still running, and is the way to it open?", 0);
    }
    if (r.status === 429 && tries < 8) { await pause(300 + 100 * tries); continue; }
    let body: unknown;
    try { body = JSON.parse(said); } catch { /* told below */ }
    if (r.ok && body !== undefined) return body;
    const why = values(body);
    throw new Problem(text(why.problem) || text(why.error) || (r.ok ? "" : meanings.get(r.status)) || `weir answered ${r.status}: ${said.slice(0, 200)}`, r.status, number(why.offset), number(why.end));
  }
}

/** address puts what is asked into a path and its query. */
function address(path: string, asks: Readonly<Record<string, Asked>>): string {
  const query = new URLSearchParams();
  const at = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(asks[name] ?? ""));
  for (const [k, v] of Object.entries(asks)) if (v !== undefined && v !== "" && !path.includes(`{${k}}`)) query.set(k, String(v));
  return String(query) ? `${at}?${String(query)}` : at;
}

// The document of the API is what weir answers: its tests hold both together.

/** get asks weir something. */
export async function get<P extends keyof Gets>(path: P, asks: Gets[P]["asks"], signal?: AbortSignal): Promise<Gets[P]["answer"]> {
  return await request(address(path, asks), { signal: signal ?? null }) as Gets[P]["answer"];
}

/** post has weir change something. */
export async function post<P extends keyof Posts>(path: P, asks: Posts[P]["asks"], body: Posts[P]["body"], signal: AbortSignal): Promise<Posts[P]["answer"]> {
  return await request(address(path, asks), { method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }) as Posts[P]["answer"];
}

let asked: Promise<web.Me> | null = null;

/** me is who looks at the page. */
export const me = (): Promise<web.Me> => (asked ??= get("/api/v1/me", {}).catch((e: unknown) => { asked = null; throw e; }));
