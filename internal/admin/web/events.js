// The list of the latest events.

import { $, clock } from "./page.js";

const keptEvents = 100;

// What is shown for a type of event: its symbol, how it looks, and the mark
// that it leaves in the charts, if any.
const kinds = {
  node_up: { symbol: "is-good", look: "up", mark: "▲" },
  node_down: { symbol: "is-bad", look: "down", mark: "▼" },
  node_found: { symbol: "is-news", look: "" },
  node_gone: { symbol: "is-leaving", look: "wait" },
  panic: { symbol: "is-bad", look: "down", mark: "▼" },
  no_delivery: { symbol: "is-bad", look: "down", mark: "▼" },
  delivery: { symbol: "is-good", look: "up", mark: "▲" },
  redis_away: { symbol: "is-bad", look: "down", mark: "▼" },
  redis_back: { symbol: "is-good", look: "up", mark: "▲" },
  drain: { symbol: "is-leaving", look: "wait", mark: "→" },
  drained: { symbol: "is-empty", look: "wait" },
  undrain: { symbol: "is-good", look: "up", mark: "←" },
  stopping: { symbol: "is-leaving", look: "wait", mark: "■" },
  reload: { symbol: "is-news", look: "", mark: "◆" },
};
const otherKind = { symbol: "is-news", look: "" };

let marks = [];

// marksBetween are the events that the charts show, from one time to another,
// in seconds.
export const marksBetween = (from, to) => marks.filter(({ at }) => at >= from && at <= to);

export function addEvent(event) {
  const kind = kinds[event.type] ?? otherKind;
  $("events").prepend(itemOf(event, kind));
  $("no-events").hidden = true;
  while ($("events").children.length > keptEvents) $("events").lastElementChild.remove();
  if (kind.mark) marks = [...marks, { at: Date.parse(event.time) / 1000, text: kind.mark }].slice(-keptEvents);
}

function itemOf(event, kind) {
  const item = document.createElement("li");
  const add = (tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    item.append(element, " ");
    return element;
  };
  add("time", "time", clock(event.time)).dateTime = event.time;
  item.append(symbolOf(kind));
  add("span", "type", event.type.replaceAll("_", " "));
  add("span", "message", (event.node ? `${event.node}: ` : "") + event.message);
  return item;
}

function symbolOf({ symbol, look }) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${symbol}`);
  svg.setAttribute("class", look);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}
