// The nodes, as a picture: a card each.

import { $, clock, copyOf, lasting, nodeStyle, plural, set, showKey, whole } from "./page.js";
import { confirmDrain, confirmUndrain } from "./confirm.js";

const cards = new Map(); // node name → its <li>
const marks = { up: "is-good", down: "is-bad", ready: "is-good", draining: "is-leaving", drained: "is-empty" };

// showNodes makes the cards those of the nodes. In look, samples are the
// history's, oldest first, as far as they are about the same clients; now is in ms
// by Fermata's clock; whose says, in a cluster, whether they are the nodes of all or
// of one member; readOnly whether the person may change nothing.
export function showNodes(nodes, look) {
  const names = new Set(nodes.map((node) => node.name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.remove();
    cards.delete(name);
  }
  const most = Math.max(1, ...nodes.map((node) => node.connections));
  for (const node of nodes) fill(cardOf(node.name), node, most, look);
}

function cardOf(name) {
  if (!cards.has(name)) {
    const card = copyOf("node");
    showKey(card.querySelector(".key"), nodeStyle(name));
    $("nodes").append(card);
    cards.set(name, card);
  }
  return cards.get(name);
}

function fill(card, node, most, look) {
  const part = (selector) => card.querySelector(selector);
  card.className = `node is-${node.health} is-${node.state}`;
  set(part(".name"), node.name);
  set(part(".url"), node.url + (node.weight === 1 ? "" : ` · weight ${node.weight}`));
  badge(part(".health"), node.health);
  markDifference(part(".health"), node);
  badge(part(".node-state"), node.state);
  part(".node-state").hidden = node.state === "ready" && node.health === "down"; // ready, but of no use
  part(".avoided").hidden = !node.avoided;
  part(".delivery").hidden = node.health === "down" || node.delivery !== "down"; // who is down has the reason
  set(part(".reason"), reasonOf(node));
  fillLoad(part, node, most);
  fillDrain(part, node, look);
  fillActions(part, node, look);
}

function badge(element, what) {
  element.classList.toggle("up", what === "up" || what === "ready");
  element.classList.toggle("down", what === "down");
  element.classList.toggle("wait", what === "draining" || what === "drained");
  element.querySelector("use").setAttribute("href", `#${marks[what]}`);
  set(element.querySelector("span"), what);
}

// markDifference says on how many members of a cluster the node is up, where not
// all agree.
function markDifference(element, { members = [] }) {
  const up = members.filter(({ health }) => health === "up").length;
  if (up === 0 || up === members.length) return;
  element.classList.remove("up", "down");
  element.classList.add("wait");
  element.querySelector("use").setAttribute("href", "#is-avoided");
  set(element.querySelector("span"), `up on ${up} of ${members.length}`);
}

// fillLoad shows the clients against the cap, or, without one, against the
// node that has most.
function fillLoad(part, { name, connections, max_connections: cap }, most) {
  const share = connections / (cap || most);
  const bar = part(".bar");
  bar.firstElementChild.style.width = `${Math.min(100, share * 100)}%`;
  bar.classList.toggle("full", cap > 0 && share >= 0.9);
  bar.classList.toggle("uncapped", !cap);
  bar.setAttribute("aria-label", `clients of ${name}`);
  bar.setAttribute("aria-valuemax", cap || most);
  bar.setAttribute("aria-valuenow", Math.min(connections, cap || most));
  set(part(".connections"), whole(connections));
  set(part(".cap"), cap ? `of ${plural(cap, "client")}, ${capText(share)}` : connections === 1 ? "client, no cap" : "clients, no cap");
}

function capText(share) {
  if (share >= 1) return "full";
  return `${whole(share * 100)} %${share >= 0.9 ? ", nearly full" : ""}`;
}

// The drain ------------------------------------------------------------

const seen = new Map(); // node name → {started, whose, points: [ms, clients]}

function fillDrain(part, node, look) {
  const { name, drain } = node;
  part(".drain").hidden = !drain;
  const { outcome } = drain ?? node.moves ?? {};
  part(".outcome").hidden = !outcome;
  set(part(".outcome"), outcome ?? "");
  if (!drain) {
    seen.delete(name);
    return;
  }
  set(part(".drain-text"), drainText(node, look));
  set(part(".drain-members"), membersText(node));
  const points = pointsOf(name, drain, look);
  const svg = part(".curve");
  svg.setAttribute("aria-label", `${drain.remaining} of ${drain.initial} clients are left on ${name}`);
  drawCurve(svg, drain, points, look);
}

// membersText says which member of a cluster has how many of the clients that are
// left.
function membersText({ state, members = [] }) {
  if (state !== "draining") return "";
  return members.filter(({ connections }) => connections > 0).map(({ member, connections }) => `${member} ${whole(connections)}`).join(", ");
}

function drainText({ state, drain }, { now, whose }) {
  if (state === "drained") return `All ${plural(drain.initial, "client")} have gone.`;
  const left = `${whole(drain.remaining)} of ${whole(drain.initial)} left`;
  const rate = !drain.rate ? "all at once" : `${whole(drain.rate)}/s${whose === "one" ? " with the other members" : ""}`;
  const begins = Date.parse(drain.begin ?? drain.started);
  if (begins > now) return `${left}, begins in ${lasting((begins - now) / 1000)}, ${rate}`;
  return `${left}, ${rate}, until ${clock(drain.deadline)}`;
}

// pointsOf are the clients since the drain began, as far as we know: from the
// history, and from each look since we have looked.
function pointsOf(name, drain, { samples, now, whose }) {
  const started = Date.parse(drain.started), known = seen.get(name);
  if (known?.started !== started || known.whose !== whose) {
    const before = samples.filter((sample) => sample.ms > started && name in sample.connections);
    const points = [[started, drain.initial], ...before.map((sample) => [sample.ms, sample.connections[name]])];
    const empty = points.findIndex(([, clients]) => clients === 0);
    seen.set(name, { started, whose, points: empty < 0 ? points : points.slice(0, empty + 1) });
  }
  const { points } = seen.get(name);
  if (points.at(-1)[1] !== drain.remaining || drain.remaining > 0) points.push([now, drain.remaining]);
  if (points.length > 1000) points.splice(1, 500);
  return points;
}

// drawCurve draws the clients that are left over the time of the drain, and as
// a dashed line how the rate has it. One member has a part of the rate, which is
// not known here.
function drawCurve(svg, drain, points, { whose }) {
  const started = Date.parse(drain.started), begin = Date.parse(drain.begin ?? drain.started);
  const planned = drain.rate ? begin + (drain.initial / drain.rate) * 1000 : begin;
  const planEnd = Math.min(planned, Date.parse(drain.deadline));
  const end = Math.max(planEnd, points.at(-1)[0], started + 1000);
  const top = Math.max(1, ...points.map(([, clients]) => clients));
  const x = (t) => (100 * (t - started)) / (end - started);
  const y = (clients) => 97 - (94 * clients) / top;
  const line = (list) => list.map(([t, clients], i) => `${i ? "L" : "M"}${x(t).toFixed(2)} ${y(clients).toFixed(2)}`).join("");
  const atEnd = drain.rate ? Math.max(0, drain.initial - ((planEnd - begin) / 1000) * drain.rate) : drain.initial;
  const plan = line([[started, drain.initial], [begin, drain.initial], [planEnd, atEnd], [planEnd, 0], [end, 0]]);
  const left = line(points);
  svg.querySelector(".plan").setAttribute("d", whose === "one" ? "" : plan);
  svg.querySelector(".left").setAttribute("d", left);
  svg.querySelector(".gone").setAttribute("d", `${left}L${x(points.at(-1)[0]).toFixed(2)} 97L0 97Z`);
}

// The buttons ----------------------------------------------------------

function fillActions(part, node, { readOnly }) {
  const act = part(".act"), change = part(".change");
  const ready = node.state === "ready";
  act.hidden = readOnly || (!ready && !node.drain); // without a drain it leaves with the configuration
  change.hidden = readOnly || node.state !== "draining" || !node.drain;
  name(act, ready ? "Drain" : "Undrain", node);
  name(change, "Change", node);
  act.onclick = () => (ready ? confirmDrain(node) : confirmUndrain(node));
  change.onclick = () => confirmDrain(node);
}

function name(button, verb, node) {
  set(button, `${verb} …`);
  button.setAttribute("aria-label", verb === "Change" ? `Change the drain of ${node.name}` : `${verb} ${node.name}`);
}

// reasonOf is the node's reason, with where it was found.
function reasonOf({ reason, discovered }) {
  return !discovered || reason.includes(discovered) ? reason : `${reason} (found by ${discovered})`;
}
