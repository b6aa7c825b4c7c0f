// Processes whose place this Fermata has taken, and that have clients still.

import { $, plural, set, minute } from "./page.js";

// showPredecessors shows them, a line each; undefined is none.
export function showPredecessors(all = []) {
  const list = $("predecessors");
  list.hidden = all.length === 0;
  while (list.children.length > all.length) list.lastElementChild.remove();
  while (list.children.length < all.length) list.append(document.createElement("li"));
  all.forEach((predecessor, i) => set(list.children[i], textOf(predecessor)));
}

function textOf({ pid, version, clients, until }) {
  return `Process ${pid} (${version.replace(/[()]/g, "")}) still has ${plural(clients, "client")}, ${until ? `all over by ${minute(until)}` : "until they leave"}`;
}
