// The charts of the last fifteen minutes, drawn by uPlot.

import { $, bytes, clock, copyOf, minute, nodeStyle, seconds, set, short, showKey, styleOf, whole } from "./page.js";
import { marksBetween } from "./events.js";

const uPlot = window.uPlot;
const span = 900; // seconds that a chart shows
const gap = 16; // seconds without a sample after which a line is broken
const height = 196;

// Who can end a client, in the order of the legend. Those that have ended none
// are left out.
const closers = ["client", "node", "drain", "rebalance", "node_lost", "refused", "timeout", "limit", "shutdown", "max_age", "internal_error"];
const directions = { to_client: "to clients", to_node: "to nodes" };

const panels = {
  clients: { of: byNode("connections"), show: whole },
  churn: { of: churn, show: (n) => `${short(n)}/s` },
  messages: { of: byDirection("messages"), show: (n) => `${short(n)}/s`, filled: true },
  bytes: { of: byDirection("bytes"), show: (n) => `${bytes(n)}/s`, filled: true },
  checks: { of: byNode("checks", null), show: seconds },
};

// A series is {name, style, values}, with a value for each sample.

function byNode(field, missing = null) {
  return (samples, nodes) => nodes.map((node) => ({
    name: node, style: nodeStyle(node), values: samples.map((sample) => sample[field]?.[node] ?? missing),
  }));
}

function byDirection(field) {
  return (samples) => Object.entries(directions).map(([key, name], i) => ({
    name, style: styleOf(i), values: samples.map((sample) => sample[field] && (sample[field][key] ?? 0)),
  }));
}

function churn(samples) {
  const opened = { name: "new", style: styleOf(0), values: samples.map((sample) => sample.opened ?? null) };
  const closed = closers.map((by, i) => ({
    name: `by ${by.replaceAll("_", " ")}`, style: styleOf(i + 1), values: samples.map((sample) => sample.closed && (sample.closed[by] ?? 0)),
  }));
  return [opened, ...closed.filter(({ values }) => values.some((value) => value > 0))];
}

// Drawing --------------------------------------------------------------

const charts = Object.entries(panels).map(([id, panel]) => newChart($(`chart-${id}`), panel));

// drawCharts shows the samples, oldest first, of the nodes, a list of names.
export function drawCharts(samples, nodes) {
  if (samples.length === 0) return;
  const rows = withGaps(samples);
  const times = rows.map((sample) => sample.ms / 1000);
  for (const chart of charts) chart.draw(times, chart.panel.of(rows, nodes));
}

// withGaps puts an empty sample where some are missing.
function withGaps(samples) {
  const rows = [];
  for (const sample of samples) {
    const last = rows.at(-1);
    if (last && sample.ms - last.ms > gap * 1000) rows.push({ ms: last.ms + 1000 });
    rows.push(sample);
  }
  return rows;
}

function newChart(section, panel) {
  const plotArea = document.createElement("div");
  plotArea.className = "plot";
  plotArea.tabIndex = 0;
  plotArea.setAttribute("role", "group");
  plotArea.setAttribute("aria-label", `${section.querySelector("h2").textContent}: use the arrow keys to read it`);
  const legend = document.createElement("ul");
  legend.className = "legend";
  section.append(legend, plotArea);
  const chart = { panel, plotArea, legend, plot: null, names: "", hidden: new Set(), draw: (times, all) => draw(chart, times, all) };
  plotArea.onkeydown = (event) => moveCursor(chart, event);
  plotArea.onblur = () => putCursor();
  new ResizeObserver(() => chart.plot?.setSize(sizeOf(chart))).observe(plotArea);
  return chart;
}

const sizeOf = ({ plotArea }) => ({ width: Math.max(120, plotArea.clientWidth), height });

// draw makes a new plot only when there are other series than before.
function draw(chart, times, all) {
  const names = all.map(({ name }) => name).join("\n");
  const data = [times, ...all.map(({ values }) => values)];
  if (chart.plot && names === chart.names) {
    chart.plot.setData(data);
  } else {
    chart.plot?.destroy();
    chart.names = names;
    chart.legend.replaceChildren(...all.map((series, i) => legendItem(chart, series, i + 1)));
    chart.plot = new uPlot(optionsOf(chart, all), data, chart.plotArea);
  }
  showValues(chart);
}

function optionsOf(chart, all) {
  const { show, filled } = chart.panel;
  const ink = (property) => () => getComputedStyle(chart.plotArea).getPropertyValue(property);
  const axis = { stroke: ink("color"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  const grid = { stroke: ink("border-top-color"), width: 1 };
  return {
    ...sizeOf(chart),
    padding: [18, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "fermata" }, points: { size: 7 } },
    scales: {
      x: { time: true, range: (_, __, last) => [last - span, last] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.12 : 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 64, size: 24, values: (_, ticks) => ticks.map((t) => minute(t * 1000)) },
      { ...axis, grid, space: 36, size: 60, values: (_, ticks) => ticks.map((n) => (n === 0 ? "0" : show(n).replace("/s", ""))) },
    ],
    series: [{}, ...all.map((series, i) => lineOf(chart, series, i, filled))],
    hooks: { setCursor: [() => showValues(chart)], drawAxes: [drawMarks] },
  };
}

function lineOf(chart, { name, style }, i, filled) {
  const colour = () => getComputedStyle(chart.legend.children[i].querySelector(".key")).stroke;
  return {
    label: name, stroke: colour, dash: style.dash, width: 2, show: !chart.hidden.has(name),
    fill: filled && i === 0 ? () => colour().replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)") : undefined,
    points: { show: false }, spanGaps: chart.panel === panels.checks,
  };
}

// drawMarks draws a thin line, with a sign on top, for each event.
function drawMarks(plot) {
  const { ctx, bbox } = plot, pixel = devicePixelRatio;
  const { min, max } = plot.scales.x;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = getComputedStyle(plot.root.parentElement).color;
  ctx.lineWidth = pixel;
  ctx.setLineDash([2 * pixel, 3 * pixel]);
  ctx.textAlign = "center";
  ctx.font = `${11 * pixel}px system-ui, sans-serif`;
  for (const { at, text } of marksBetween(min, max)) {
    const x = Math.round(plot.valToPos(at, "x", true));
    ctx.globalAlpha = 0.6;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.fillText(text, x, bbox.top - 5 * pixel);
  }
  ctx.restore();
}

// The legend -----------------------------------------------------------

function legendItem(chart, { name, style }, index) {
  const item = copyOf("series"), button = item.querySelector("button");
  showKey(item.querySelector(".key"), style);
  set(item.querySelector(".name"), name);
  const press = () => button.setAttribute("aria-pressed", !chart.hidden.has(name));
  button.onclick = () => {
    if (!chart.hidden.delete(name)) chart.hidden.add(name);
    chart.plot.setSeries(index, { show: !chart.hidden.has(name) });
    press();
  };
  press();
  return item;
}

// showValues puts the values under the cursor, else the latest, into the
// legend.
function showValues({ plot, panel, legend, plotArea }) {
  if (!plot) return;
  const last = plot.data[0].length - 1;
  const index = plot.cursor.idx ?? last;
  [...legend.children].forEach((item, i) => {
    const value = plot.data[i + 1][index] ?? (index === last ? latest(plot.data[i + 1]) : null);
    set(item.querySelector(".value"), value == null ? "–" : panel.show(value));
  });
  plotArea.dataset.time = plot.cursor.idx == null ? "" : clock(plot.data[0][index] * 1000);
}

const latest = (values) => values.findLast((value) => value != null);

function moveCursor({ plot }, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!plot || !step) return;
  event.preventDefault();
  const times = plot.data[0], last = times.length - 1;
  const index = Math.min(last, Math.max(0, (plot.cursor.idx ?? last) + step));
  putCursor(times[index]);
}

// putCursor puts the cursor of every chart on a time, or, without one, nowhere.
function putCursor(time) {
  for (const { plot } of charts) {
    plot?.setCursor(time === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(time, "x"), top: 10 });
  }
}

// A canvas does not follow the theme by itself.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { plot } of charts) plot?.redraw(false, true);
});
