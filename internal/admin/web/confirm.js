// The dialogs before a drain and an undrain.

import { $, plural, set, whole } from "./page.js";
import { post } from "./api.js";

const pathOf = (node, verb) => `v1/nodes/${encodeURIComponent(node.name)}/${verb}`;

// What a person can do about an answer, by its code: the next request has it, and
// the button says so.
const ways = {
  refused: { request: { force: true }, text: "all the same" },
  cluster_away: { request: { local: true }, text: "on this member alone" },
};

// confirmDrain asks with the forecast of a dry run. What is refused can be
// forced.
export function confirmDrain(node) {
  const again = node.state === "draining";
  for (const id of ["rate", "grace", "deadline"]) $(id).value = "";
  $("options").hidden = false;
  $("options").open = again;
  const drain = (request) => post(pathOf(node, "drain"), { ...given(), ...request });
  ask({
    title: again ? `Change the drain of ${node.name}?` : `Drain ${node.name}?`,
    text: again
      ? `${plural(node.connections, "client")} are still there. What is not given stays as it is.`
      : `It gets no new clients, and its ${plural(node.connections, "client")} move to other nodes. Nothing has been done yet.`,
    verb: again ? "Change" : "Drain",
    act: drain,
    rehearse: async (request) => showForecast((await drain({ ...request, dry_run: true })).forecast),
  });
}

export function confirmUndrain(node) {
  $("options").hidden = true;
  ask({
    title: `Undrain ${node.name}?`,
    text: "It gets clients again; those that have moved stay where they are.",
    verb: "Undrain",
    act: (request) => post(pathOf(node, "undrain"), request),
  });
}

// given is what the person filled in.
function given() {
  const request = {};
  if ($("rate").value !== "") request.rate = Number($("rate").value);
  for (const id of ["grace", "deadline"]) {
    if ($(id).value.trim() !== "") request[id] = $(id).value.trim();
  }
  return request;
}

// ask shows the dialog; act does it and closes. When there is a way after an error,
// the button says what it then does, and rehearse is called again for its forecast.
function ask({ title, text, verb, act, rehearse = async () => {} }) {
  const dialog = $("confirm"), yes = $("confirm-yes"), dry = $("dry-run");
  let taken = []; // ways
  const request = () => Object.assign({}, ...taken.map((way) => way.request));
  const attempt = async (work) => {
    yes.disabled = dry.disabled = true;
    set($("confirm-error"), "");
    try {
      await work();
    } catch (error) {
      set($("confirm-error"), error.message);
      const way = ways[error.code];
      if (way && !taken.includes(way)) {
        taken.push(way);
        await rehearse(request()).catch(() => {});
      }
    }
    set(yes, [verb, ...taken.map((way) => way.text)].join(" "));
    yes.disabled = dry.disabled = false;
  };
  const begin = () => attempt(() => rehearse(request()));
  set($("confirm-title"), title);
  set($("confirm-text"), text);
  showForecast(undefined);
  dry.hidden = $("options").hidden;
  dry.onclick = () => {
    taken = [];
    return begin();
  };
  yes.onclick = () => attempt(async () => {
    const { warning } = await act(request());
    if (warning) set($("confirm-error"), warning);
    else dialog.close();
  });
  set(yes, verb);
  dialog.showModal();
  begin();
}

// showForecast draws, per node, the clients that it has and those it would get.
function showForecast(loads) {
  const table = $("forecast");
  table.hidden = !loads?.length;
  table.tBodies[0].replaceChildren(...(loads ?? []).map(forecastRow));
}

function forecastRow(load, _, all) {
  const row = document.createElement("tr");
  const add = (tag, text = "") => {
    const cell = document.createElement(tag);
    cell.textContent = text;
    row.append(cell);
    return cell;
  };
  const cap = load.max_connections;
  const most = Math.max(1, ...(cap ? [cap, load.after] : all.map((other) => other.after)));
  add("th", load.node).scope = "row";
  add("td", `${whole(load.connections)} → ${whole(load.after)}${cap ? ` of ${whole(cap)}` : ""}${cap && load.after > cap ? ", too many" : ""}`);
  const bar = document.createElement("div");
  bar.className = cap && load.after > cap ? "bar over" : "bar";
  for (const clients of [load.after, load.connections]) {
    const part = document.createElement("div");
    part.style.width = `${(100 * clients) / most}%`;
    bar.append(part);
  }
  add("td").append(bar);
  return row;
}
