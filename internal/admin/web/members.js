// The members of the cluster, if this Fermata is in one.

import { $, clock, date, fillRows, set, whole } from "./page.js";

// onlyThis is whether the person wants the numbers of this member alone.
export const onlyThis = () => $("local").checked;

// showCluster shows the members; undefined is no cluster.
export function showCluster(cluster) {
  $("members").hidden = $("charts-note").hidden = !cluster;
  $("away").hidden = !cluster?.away;
  for (const note of document.querySelectorAll(".here")) note.hidden = !cluster;
  if (!cluster) return;
  set($("cluster"), onlyThis() ? `of the cluster ${cluster.name}; the numbers above are ${cluster.member}’s only` : `of the cluster ${cluster.name}`);
  set($("charts-note"), `The charts and the events are those of ${cluster.member} only.`);
  fillRows($("members"), cluster.members, fill);
  if (cluster.away) set($("away-text"), awayText(cluster));
}

function awayText({ away, since }) {
  return `Redis cannot be reached since ${clock(since)}: ${away}. What the other members have is as it was then. Drains go on.`;
}

function fill([name, clients, state, version, started], member) {
  set(name, member.self ? `${member.name} (this one)` : member.name);
  set(clients, whole(member.clients));
  set(state, stateOf(member));
  state.className = member.stopping ? "wait" : member.ready ? "up" : "down";
  set(version, member.version);
  set(started, date(member.started));
}

function stateOf({ ready, stopping }) {
  if (stopping) return "stopping";
  return ready ? "ready" : "not ready";
}
