// What a view is, and what it is given.

import type { web } from "./api";
import type { Child, Query } from "./dom";

/** Told is what goes on: to whom some projects are shown, of their alerts alone. */
export type Told = ({ scoped?: undefined } & web.Live) | { scoped: readonly string[]; alerts: readonly web.AlertView[] };

export interface View {
  title: string;
  parts: readonly Child[];
  focus?: HTMLInputElement; // of the key /
  live?(l: Told): void;
  key?(k: string): boolean; // whether it did something
  update?(parameters: URLSearchParams): boolean; // whether it went there by itself
  end?(): void;
}

export interface Context {
  signal: AbortSignal; // when the view ends
  go(view: string, parameters: Query): void;
}
