// The dashboard: follows Fermata's live stream and shows what it says.
// Whatever comes from the API is set as text, never as HTML.

import { $, bytes, clock, plural, set, short, whole } from "./page.js";
import { APIError, follow, followAnew, forgetToken } from "./api.js";
import { showNodes } from "./nodes.js";
import { onlyThis, showCluster } from "./members.js";
import { showCertificates } from "./certificates.js";
import { showPredecessors } from "./predecessors.js";
import { drawCharts } from "./charts.js";
import { addEvent } from "./events.js";

const kept = 15 * 60 * 1000; // ms of samples

let samples = []; // oldest first, each with its time in ms
let names = []; // of the nodes
let heard = null; // when Fermata spoke last, by its clock

// addSample may get a sample that we have; after a restart of Fermata those
// from before stay.
function addSample(sample) {
  sample.ms = Date.parse(sample.time);
  const place = samples.findLastIndex((other) => other.ms <= sample.ms);
  if (samples[place]?.ms === sample.ms) return;
  samples.splice(place + 1, 0, sample);
  samples = samples.filter(({ ms }) => ms > samples.at(-1).ms - kept);
  drawSoon();
}

let drawing = false;

function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawCharts(samples, names);
  });
}

function showLook({ time, nodes, cluster, certificates, predecessors, read_only: readOnly = false }) {
  heard = time;
  showNames(nodes.map((node) => node.name));
  const whose = !cluster ? "" : onlyThis() ? "one" : "all"; // and the samples are one member's
  showNodes(nodes, { samples: whose === "all" ? [] : samples, now: Date.parse(time), whose, readOnly });
  showFigures(nodes);
  showCluster(cluster);
  showCertificates(certificates, time);
  showPredecessors(predecessors);
  $("read-only").hidden = !readOnly;
  say("live", true);
}

// showNames draws the charts again if there are other nodes than before: the
// samples come first, and the next one may be far away.
function showNames(now) {
  if (now.join("\n") === names.join("\n")) return;
  names = now;
  drawSoon();
}

function showFigures(nodes) {
  const usable = nodes.filter((node) => node.health === "up" && node.state === "ready").length;
  const clients = nodes.reduce((sum, node) => sum + node.connections, 0);
  const caps = nodes.map((node) => node.max_connections);
  const room = caps.every((cap) => cap > 0) ? caps.reduce((sum, cap) => sum + cap, 0) : 0;
  figure("usable", whole(usable), `of ${whole(nodes.length)}`);
  const down = nodes.some((node) => node.health === "down");
  $("usable").className = usable === nodes.length ? "" : down ? "down" : "wait";
  figure("clients", whole(clients), room ? `of ${whole(room)}` : `on ${plural(nodes.length, "node")}`);
  const last = samples.at(-1);
  if (!last) return;
  const sum = (rates) => Object.values(rates).reduce((all, rate) => all + rate, 0);
  figure("churn", `+${short(last.opened)} −${short(sum(last.closed))}`, "/s");
  figure("messages", short(sum(last.messages)), "/s");
  figure("bytes", bytes(sum(last.bytes)), "/s");
}

function figure(id, value, unit) {
  const element = $(id);
  if (!element.firstElementChild) element.replaceChildren(document.createElement("b"), " ", document.createElement("small"));
  set(element.firstElementChild, value);
  set(element.lastElementChild, unit);
}

function say(text, live) {
  set($("state"), text);
  document.body.className = live ? "live" : "lost";
}

function whatIsWrong(error) {
  if (error instanceof APIError) return error.status === 401 ? "waiting for the token" : error.message;
  return heard ? `Fermata does not answer; this is from ${clock(heard)}` : "Fermata does not answer";
}

$("local").onchange = followAnew;
$("other-token").onclick = () => {
  forgetToken();
  followAnew();
};

follow({
  nodes: showLook,
  sample: addSample,
  event(event) {
    addEvent(event);
    drawSoon();
  },
  lost: (error) => say(whatIsWrong(error), false),
}, () => (onlyThis() ? "v1/live?local=1" : "v1/live"));
