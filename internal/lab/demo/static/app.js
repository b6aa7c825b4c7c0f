import { Connection } from "./connection.js";

const $ = (id) => document.getElementById(id);
const config = await (await fetch("config.json")).json();

// What the page knows: the node that it is on or was last on, since when it
// is away, the close that took it away, and when it tries again.
const here = { node: null, connected: false, since: null, left: null, code: null, next: null, everOpen: false };

// What it has counted since it was loaded. last is the number of the last tick.
const counts = { reconnects: 0, moves: 0, events: 0, missed: 0, last: null };

const connection = new Connection(config.socket, { connecting, connected, closed, message });

function connecting() {
  here.next = null;
  $("hero").dataset.state = "connecting";
  $("state").textContent = here.node ? "Looking for a node…" : "Connecting…";
  $("retry").hidden = true;
  showDetail();
}

async function connected(data) {
  const node = data.node ?? "a node";
  if (here.everOpen) counts.reconnects++;
  addMove(here.node, node, away());
  Object.assign(here, { node, connected: true, since: new Date(), left: null, code: null, everOpen: true, channel: null, id: data.socket_id });
  $("hero").dataset.state = "connected";
  $("hero").dataset.hue = hue(node);
  $("state").textContent = "Connected to";
  $("node").textContent = node;
  $("trust").hidden = connection.url !== config.plain;
  document.title = `${node} · Fermata demo`;
  showDetail();
  showCounts();
  showNodes();
  connection.send("pusher:subscribe", { channel: ownChannel() });
  await subscribe(data.socket_id);
}

// ownChannel has this page's socket alone on it, so that its node can be found.
const ownChannel = () => `page-${here.id}`;

async function subscribe(socketID) {
  const body = new URLSearchParams({ socket_id: socketID, channel_name: config.channel });
  const { auth } = await (await fetch("auth", { method: "POST", body })).json();
  if (here.connected && here.id === socketID) connection.send("pusher:subscribe", { channel: config.channel, auth });
}

function closed({ code, opened, wait }) {
  if (!here.everOpen && !opened && config.plain && connection.url !== config.plain) {
    connection.url = config.plain; // the browser does not know the certificate
    connection.connect();
    return;
  }
  if (here.connected) Object.assign(here, { left: performance.now(), code });
  here.everOpen ||= opened;
  here.connected = false;
  here.next = wait === null ? null : Date.now() + wait;
  $("hero").dataset.state = wait === null ? "failed" : "away";
  $("state").textContent = wait === null ? "Sent away for good" : here.node ? "Away from" : "Not connected";
  $("retry").hidden = wait !== null && wait < 2000;
  $("trust").hidden = here.everOpen || !config.trust;
  here.last = code;
  showDetail();
  showNodes();
}

function message({ event, channel, data }) {
  if (event === "pusher_internal:subscription_succeeded") {
    if (channel === config.channel) here.channel = channel;
    showDetail();
  }
  if (event === "tick") tick(data.n);
  if (event !== "message") return;
  const list = $("messages");
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(item({}, tag(data.from), element("span", { className: "text" }, data.text), time(new Date())));
  if (list.children.length > 200) list.firstChild.remove();
  if (low) list.scrollTop = list.scrollHeight;
}

function showDetail() {
  const seconds = here.next && Math.ceil((here.next - Date.now()) / 1000);
  $("detail").textContent =
    here.connected ? [`since ${clock(here.since)}`, here.channel && `on ${here.channel}`, `socket ${here.id}`].filter(Boolean).join(" · ")
    : here.next ? `closed with ${here.last} · next try in ${Math.max(0, seconds)} s`
    : $("hero").dataset.state === "failed" ? `closed with ${here.last}` : "";
}

// tick counts the numbered events. They begin again with another demo.
function tick(n) {
  if (counts.last !== null && n > counts.last) counts.missed += n - counts.last - 1;
  counts.last = n;
  counts.events++;
  showCounts();
}

function showCounts() {
  const { reconnects, moves, events, missed } = counts;
  $("counts").textContent = [plural(reconnects, "reconnect"), moves && `moved ${plural(moves, "time")}`,
    events && `${plural(events, "event")}, ${missed || "none"} missed`].filter(Boolean).join(" · ");
}

// Moves: the latest first.
function away() {
  if (here.code === null) return "first connection";
  return `closed with ${here.code} · away ${duration(performance.now() - here.left)}`;
}

function addMove(from, to, about) {
  const road = from ? [tag(from), arrow(), tag(to)] : [tag(to)];
  $("moves").prepend(item({}, element("span", { className: "road" }, ...road), time(new Date()), element("span", { className: "quiet" }, about)));
  if ($("moves").children.length > 100) $("moves").lastChild.remove();
}

// Nodes: one card each, changed in place so that the focus stays.
let nodes = [];
const cards = new Map();

async function pollNodes() {
  if (!document.hidden) {
    try {
      const answer = await (await fetch("nodes")).json();
      nodes = answer.nodes ?? answer;
      showNodes();
      if (config.node) await findNode();
    } catch { $("pool-error").textContent = "The demo does not answer."; }
  }
  setTimeout(pollNodes, 1000);
}

// findNode asks where the socket is: a move that closes nothing tells the page
// nothing.
async function findNode() {
  const channel = ownChannel();
  const { node } = await (await fetch(`node?${new URLSearchParams({ channel })}`)).json();
  if (!node || node === here.node || !here.connected || channel !== ownChannel()) return;
  counts.moves++;
  addMove(here.node, node, "the socket stayed");
  here.node = node;
  $("hero").dataset.hue = hue(node);
  $("node").textContent = node;
  document.title = `${node} · Fermata demo`;
  showCounts();
  showNodes();
}

function showNodes() {
  for (const node of nodes) {
    if (!cards.has(node.name)) cards.set(node.name, addCard(node.name));
    fillCard(cards.get(node.name), node);
  }
}

function addCard(name) {
  const card = item({ className: "card" },
    element("span", { className: "name" }, tag(name), element("span", { className: "here" }, "you")),
    element("span", { className: "count" }), element("span", { className: "quiet" }));
  if (config.drain) {
    const button = element("button", { type: "button" });
    button.onclick = () => press(name, button.dataset.action);
    card.append(button);
  }
  $("nodes").append(card);
  return card;
}

function fillCard(card, node) {
  const ready = node.state === "ready";
  card.dataset.state = node.health === "down" ? "down" : node.state;
  card.classList.toggle("current", here.connected && node.name === here.node);
  card.querySelector(".count").textContent = `${node.connections} ${node.connections === 1 ? "client" : "clients"}`;
  card.querySelector(".quiet").textContent = node.health === "down" ? `down: ${node.reason}` : node.state;
  const button = card.querySelector("button");
  if (!button) return;
  button.dataset.action = ready ? "drain" : "undrain";
  button.textContent = ready ? "Drain" : "Undrain";
  button.setAttribute("aria-label", `${button.textContent} ${node.name}`);
}

async function press(name, action) {
  const response = await fetch(`nodes/${encodeURIComponent(name)}/${action}`, { method: "POST" });
  $("pool-error").textContent = response.ok ? "" : await response.text();
}

async function send(event) {
  event.preventDefault();
  const body = JSON.stringify({ from: here.node, text: $("text").value });
  const response = await fetch("send", { method: "POST", body });
  $("send-error").textContent = response.ok ? "" : await response.text();
  if (response.ok) $("text").value = "";
}

// Small parts.
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const item = (properties, ...children) => element("li", properties, ...children);
const time = (date) => element("time", { className: "quiet", dateTime: date.toISOString() }, clock(date));
const clock = (date) => date.toLocaleTimeString([], { hour12: false });
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const duration = (ms) => ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

function tag(name) {
  const made = element("span", { className: "tag" }, name ?? "?");
  made.dataset.hue = hue(name);
  return made;
}

function arrow() {
  return element("span", { className: "quiet", ariaLabel: "to", role: "img" }, "→");
}

// Nodes get colours in the order in which they turn up.
const hues = [];
function hue(name) {
  if (!hues.includes(name)) hues.push(name);
  return hues.indexOf(name) % 6;
}

$("form").hidden = !config.send;
$("form").onsubmit = send;
$("retry").onclick = () => connection.connect();
$("trust-link").href = config.trust;
document.onvisibilitychange = () => { if (!document.hidden && !here.everOpen) connection.connect(); };
setInterval(showDetail, 1000);
$("pool").hidden = !config.nodes;
if (config.nodes) pollNodes();
connection.connect();
