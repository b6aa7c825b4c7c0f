// What every part of the page needs.

export const $ = (id) => document.getElementById(id);
export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// set changes a text only when it differs, so that screen readers and
// selections are left alone.
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// copyOf returns a copy of the one element in a template.
export function copyOf(template) {
  return $(template).content.firstElementChild.cloneNode(true);
}

// fillRows makes the rows of the table in a section those of a list, and writes into
// the ones that are there, so that selections are left alone. fill gets the cells of
// a row and its entry.
export function fillRows(section, list, fill) {
  const [head] = section.querySelector("thead").rows, [body] = section.querySelector("table").tBodies;
  while (body.rows.length > list.length) body.lastElementChild.remove();
  while (body.rows.length < list.length) body.append(newRow(head.cells.length));
  list.forEach((entry, i) => fill(body.rows[i].cells, entry));
}

function newRow(cells) {
  const row = document.createElement("tr");
  row.append(document.createElement("th"), ...Array.from({ length: cells - 1 }, () => document.createElement("td")));
  row.firstElementChild.scope = "row";
  return row;
}

// Numbers and times as people read them.

const digits = [0, 1, 2].map((n) => new Intl.NumberFormat("en", { maximumFractionDigits: n }));

export const whole = (n) => digits[0].format(n);
export const plural = (n, word) => `${whole(n)} ${word}${n === 1 ? "" : "s"}`;

// short has about three digits: 0.25, 7.5, 312, 4.2k.
export function short(n) {
  if (n >= 999.5e6) return `${digits[1].format(n / 1e9)}G`;
  if (n >= 999.5e3) return `${digits[1].format(n / 1e6)}M`;
  if (n >= 9999.5) return `${digits[1].format(n / 1e3)}k`;
  return digits[n >= 100 ? 0 : n >= 10 ? 1 : 2].format(n);
}

export function bytes(n) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; n >= 999.5 && unit < units.length - 1; unit++) n /= 1000;
  return `${digits[n >= 100 || unit === 0 ? 0 : 1].format(n)} ${units[unit]}`;
}

export function seconds(s) {
  if (s === 0) return "0";
  if (s < 0.001) return `${whole(s * 1e6)} µs`;
  if (s < 1) return `${short(s * 1e3)} ms`;
  return `${short(s)} s`;
}

// lasting is a time span in whole units: 40 s, 12 min, 3 h.
export function lasting(s) {
  if (s < 90) return `${whole(Math.max(0, s))} s`;
  return s < 5400 ? `${whole(s / 60)} min` : `${whole(s / 3600)} h`;
}

const hourAndMinute = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

export const clock = (time) => new Date(time).toLocaleTimeString("en", { ...hourAndMinute, second: "2-digit" });
export const date = (time) => new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
export const minute = (time) => new Date(time).toLocaleTimeString("en", hourAndMinute);

// Series ---------------------------------------------------------------

const colours = 8;
const dashes = [[], [7, 3], [2, 3], [10, 3, 2, 3], [5, 2]];

// styleOf is how the series of that number is drawn: with a colour, and with a
// dash that tells it from its neighbours without one.
export function styleOf(number) {
  return { colour: `s${number % colours}`, dash: dashes[number % dashes.length] };
}

// showKey makes a .key element show the style.
export function showKey(key, { colour, dash }) {
  key.setAttribute("class", `key ${colour}`);
  key.firstElementChild.setAttribute("stroke-dasharray", dash.join(" "));
}

const numbers = new Map();

// nodeStyle is the same for a node in every part of the page.
export function nodeStyle(name) {
  if (!numbers.has(name)) numbers.set(name, numbers.size);
  return styleOf(numbers.get(name));
}
