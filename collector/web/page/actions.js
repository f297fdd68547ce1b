// What somebody may do about an incident. What weir does not offer, or not to
// this visitor, is not shown.

import { el } from "./dom.js";

export function actions() {
  return el("div", { className: "actions" });
}
