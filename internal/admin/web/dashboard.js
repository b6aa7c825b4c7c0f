// The dashboard: polls /v1/nodes, follows /v1/events, and drains on request.
// Whatever comes from the API is set as text, never as HTML.

const keptEvents = 100;
const pollEvery = 1000; // ms
const retryAfter = 2000; // ms

const $ = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

// API ------------------------------------------------------------------

class APIError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

async function call(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  if (response.status === 401) askToken(token);
  const body = await response.json().catch(() => ({}));
  throw new APIError(response.status, body.error?.code, body.error?.message ?? `HTTP ${response.status}`);
}

function post(path, body) {
  return call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

// Token ----------------------------------------------------------------

let tokenGiven = Promise.resolve();

// askToken shows the question once, however many calls were refused.
// tried is the token that was refused, null when there was none.
function askToken(tried) {
  const dialog = $("ask");
  if (dialog.open || tried !== sessionStorage.getItem("token")) return;
  $("ask-error").textContent = tried ? "That token is wrong." : "";
  $("token").value = "";
  dialog.showModal();
  tokenGiven = new Promise((done) => {
    dialog.addEventListener("close", () => {
      if ($("token").value) sessionStorage.setItem("token", $("token").value);
      done();
    }, { once: true });
  });
}

// Nodes ----------------------------------------------------------------

const rows = new Map(); // node name → its <tr>

function show(nodes) {
  const names = new Set(nodes.map((node) => node.name));
  for (const [name, row] of rows) {
    if (names.has(name)) continue;
    row.remove();
    rows.delete(name);
  }
  for (const node of nodes) fill(rowOf(node.name), node);
  const usable = nodes.filter((node) => node.health === "up" && node.state === "ready").length;
  const clients = nodes.reduce((sum, node) => sum + node.connections, 0);
  set($("summary"), `${usable} of ${plural(nodes.length, "node")} usable, ${plural(clients, "connection")}`);
}

function rowOf(name) {
  if (!rows.has(name)) {
    $("nodes").append($("node").content.cloneNode(true));
    rows.set(name, $("nodes").lastElementChild);
  }
  return rows.get(name);
}

// set changes a text only when it differs, so that screen readers and
// selections are left alone.
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(row, node) {
  const part = (selector) => row.querySelector(selector);
  set(part(".name"), node.name);
  set(part(".url"), node.url + (node.weight === 1 ? "" : ` · weight ${node.weight}`));
  set(part(".health"), node.health === "up" ? "▲ up" : "▼ down");
  part(".health").className = `health ${node.health}`;
  set(part(".reason"), node.reason);
  set(part(".node-state"), { ready: "✓ ready", draining: "↷ draining", drained: "∅ drained" }[node.state] ?? node.state);
  part(".node-state").className = `node-state ${node.state}`;
  fillDrain(part(".drain"), node);
  fillConnections(row, node);

  const button = part("button");
  const ready = node.state === "ready";
  set(button, ready ? "Drain" : "Undrain");
  button.setAttribute("aria-label", `${button.textContent} ${node.name}`);
  button.onclick = () => (ready ? confirmDrain(node) : confirmUndrain(node));
}

function fillDrain(element, { name, state, drain }) {
  element.hidden = !drain || state !== "draining";
  if (element.hidden) return;
  const bar = element.querySelector("progress");
  bar.value = drain.initial ? 1 - drain.remaining / drain.initial : 1;
  bar.setAttribute("aria-label", `drain of ${name}`);
  const rate = drain.rate ? `${drain.rate}/s` : "all at once";
  set(element.querySelector("small"), `${drain.remaining} of ${drain.initial} left, ${rate}, until ${clock(drain.deadline)}`);
}

function fillConnections(row, node) {
  const bar = row.querySelector(".cap");
  bar.hidden = !node.max_connections;
  bar.max = node.max_connections || 1;
  bar.value = Math.min(node.connections, bar.max);
  bar.setAttribute("aria-label", `connections of ${node.name}`);
  const cap = node.max_connections ? ` of ${node.max_connections.toLocaleString("en")}` : "";
  set(row.querySelector(".connections"), node.connections.toLocaleString("en") + cap);
}

// Drain and undrain ----------------------------------------------------

function confirmDrain(node) {
  confirm(`Drain ${node.name}?`,
    `It gets no new clients, and its ${plural(node.connections, "client")} move to other nodes at the configured rate.`,
    "Drain", (force) => post(`v1/nodes/${encodeURIComponent(node.name)}/drain`, force ? { force } : {}));
}

function confirmUndrain(node) {
  confirm(`Undrain ${node.name}?`, "It gets clients again; those that have moved stay where they are.",
    "Undrain", () => post(`v1/nodes/${encodeURIComponent(node.name)}/undrain`, {}));
}

// confirm asks, does what act says, and stays open with the reason when that
// fails. What was refused can then be forced.
function confirm(title, text, verb, act) {
  const dialog = $("confirm"), yes = $("confirm-yes");
  let force = false;
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-error").textContent = "";
  yes.textContent = verb;
  yes.onclick = async () => {
    yes.disabled = true;
    try {
      await act(force);
      dialog.close();
      poll();
    } catch (error) {
      $("confirm-error").textContent = error.message;
      force = error.code === "refused";
      yes.textContent = force ? `${verb} all the same` : verb;
    } finally {
      yes.disabled = false;
    }
  };
  dialog.showModal();
}

// Events ---------------------------------------------------------------

function addEvent(event) {
  const item = document.createElement("li");
  const add = (tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    item.append(element, " ");
    return element;
  };
  add("time", "time", clock(event.time)).dateTime = event.time;
  add("span", "type", event.type.replaceAll("_", " "));
  add("span", "message", (event.node ? `${event.node}: ` : "") + event.message);
  $("events").prepend(item);
  $("no-events").hidden = true;
  while ($("events").children.length > keptEvents) $("events").lastElementChild.remove();
}

let lastEventID = "";

async function readEvents() {
  const headers = lastEventID ? { "Last-Event-ID": lastEventID } : {};
  const response = await call("v1/events", { headers });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (text + value).split("\n");
    text = lines.pop();
    for (const line of lines) readLine(line);
  }
}

function readLine(line) {
  if (line.startsWith("id: ")) lastEventID = line.slice(4);
  if (!line.startsWith("data: ")) return;
  addEvent(JSON.parse(line.slice(6)));
  poll();
}

// Running --------------------------------------------------------------

function say(text, lost) {
  set($("state"), text);
  $("state").className = lost ? "lost" : "";
}

function whatIsWrong(error) {
  if (!(error instanceof APIError)) return "Fermata does not answer; what you see is old";
  return error.status === 401 ? "waiting for the token" : error.message;
}

let polling = false;

async function poll() {
  if (polling) return;
  polling = true;
  try {
    const response = await call("v1/nodes");
    show((await response.json()).nodes);
    say("live", false);
  } catch (error) {
    say(whatIsWrong(error), true);
  } finally {
    polling = false;
  }
}

async function keepPolling() {
  for (;;) {
    if (!document.hidden) await poll();
    await tokenGiven;
    await wait(pollEvery);
  }
}

async function keepFollowing() {
  for (;;) {
    await readEvents().catch(() => {}); // the polling says what is wrong
    await tokenGiven;
    await wait(retryAfter);
  }
}

keepPolling();
keepFollowing();
