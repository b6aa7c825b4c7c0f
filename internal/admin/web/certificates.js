// The certificates that a CA issues, if there are any.

import { $, clock, date, fillRows, plural, set } from "./page.js";

// showCertificates shows them as they are at that time; undefined is none.
export function showCertificates(all = [], time) {
  $("certificates").hidden = all.length === 0;
  fillRows($("certificates"), all, ([domain, state], certificate) => {
    const [look, text] = stateOf(certificate, time);
    set(domain, certificate.domain);
    set(state, text + whyOf(certificate));
    state.className = look;
  });
}

function stateOf({ not_after: end, reason }, time) {
  if (!end) return reason ? ["down", "none yet"] : ["wait", "none yet, ordered"];
  if (Date.parse(end) <= Date.parse(time)) return ["down", `expired ${date(end)}`];
  return reason ? ["wait", `good until ${date(end)}, not renewed`] : ["up", `good until ${date(end)}`];
}

function whyOf({ reason, failures, next }) {
  return reason ? `: ${reason} (${plural(failures, "attempt")}, the next at ${clock(next)})` : "";
}
