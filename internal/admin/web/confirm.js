// The dialogs before a drain and an undrain.

import { $, plural, set, whole } from "./page.js";
import { post } from "./api.js";

const pathOf = (node, verb) => `v1/nodes/${encodeURIComponent(node.name)}/${verb}`;

// confirmDrain asks with the forecast of a dry run. What is refused can be
// forced.
export function confirmDrain(node) {
  const again = node.state === "draining";
  let force = false;
  for (const id of ["rate", "grace", "deadline"]) $(id).value = "";
  $("options").hidden = false;
  $("options").open = again;
  const act = () => post(pathOf(node, "drain"), { ...given(), force });
  const rehearse = async () => {
    force = false;
    const answer = await post(pathOf(node, "drain"), { ...given(), dry_run: true });
    showForecast(answer.forecast);
  };
  const refused = async () => {
    force = true;
    const answer = await post(pathOf(node, "drain"), { ...given(), force, dry_run: true });
    showForecast(answer.forecast);
  };
  ask({
    title: again ? `Change the drain of ${node.name}?` : `Drain ${node.name}?`,
    text: again
      ? `${plural(node.connections, "client")} are still there. What is not given stays as it is.`
      : `It gets no new clients, and its ${plural(node.connections, "client")} move to other nodes. Nothing has been done yet.`,
    verb: again ? "Change" : "Drain",
    act, rehearse, refused,
  });
}

export function confirmUndrain(node) {
  $("options").hidden = true;
  ask({
    title: `Undrain ${node.name}?`,
    text: "It gets clients again; those that have moved stay where they are.",
    verb: "Undrain",
    act: () => post(pathOf(node, "undrain"), {}),
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

// ask shows the dialog; act does it and closes. When rehearse or act is
// refused, refused is called and the button says what it then does.
function ask({ title, text, verb, act, rehearse, refused }) {
  const dialog = $("confirm"), yes = $("confirm-yes"), dry = $("dry-run");
  const attempt = async (work) => {
    yes.disabled = dry.disabled = true;
    set($("confirm-error"), "");
    try {
      set(yes, verb);
      await work();
    } catch (error) {
      set($("confirm-error"), error.message);
      if (error.code === "refused" && refused) {
        set(yes, `${verb} all the same`);
        await refused().catch(() => {});
      }
    }
    yes.disabled = dry.disabled = false;
  };
  set($("confirm-title"), title);
  set($("confirm-text"), text);
  showForecast(undefined);
  dry.hidden = !rehearse;
  dry.onclick = () => attempt(rehearse);
  yes.onclick = () => attempt(async () => {
    const { warning } = await act();
    if (warning) set($("confirm-error"), warning);
    else dialog.close();
  });
  dialog.showModal();
  attempt(rehearse ?? (async () => {}));
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
