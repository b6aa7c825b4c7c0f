// Talking to Fermata: requests, the token, and the stream of what happens.

import { $, wait } from "./page.js";

export class APIError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

// call fetches a path below the page; every answer but a good one is an
// APIError.
export async function call(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  if (response.status === 401) askToken(token);
  const body = await response.json().catch(() => ({}));
  throw new APIError(response.status, body.error?.code, body.error?.message ?? `HTTP ${response.status}`);
}

// post sends JSON and returns the JSON of the answer.
export async function post(path, body) {
  const response = await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return response.json();
}

// Token ----------------------------------------------------------------

let tokenGiven = Promise.resolve();

// forgetToken makes the next call ask for another one.
export const forgetToken = () => sessionStorage.removeItem("token");

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

// The stream -----------------------------------------------------------

const silence = 5000; // ms without a word after which the stream is given up
const retryAfter = 1000; // ms

let stream = new AbortController();
let anew = false; // the stream was ended since another is wanted

// follow reads the live stream for ever, and comes back when it ends. on has a
// function for each type of message, and lost(error). path says which stream. A
// page that nobody looks at follows nothing.
export async function follow(on, path) {
  const place = { id: "" }; // the last event that we have seen
  for (;;) {
    await visible();
    anew = false;
    await readStream(on, place, path()).catch((error) => {
      if (!document.hidden && !anew) on.lost(error);
    });
    await tokenGiven;
    if (!anew) await wait(retryAfter);
  }
}

// followAnew is for when path says something else now.
export function followAnew() {
  anew = true;
  stream.abort();
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    document.addEventListener("visibilitychange", done, { once: true });
  });
}

// readStream errors when the stream ends.
async function readStream(on, place, path) {
  const stop = (stream = new AbortController());
  const stopWhenHidden = () => document.hidden && stop.abort();
  document.addEventListener("visibilitychange", stopWhenHidden);
  let watchdog = setTimeout(() => stop.abort(), silence);
  try {
    const headers = place.id ? { "Last-Event-ID": place.id } : {};
    const response = await call(path, { headers, signal: stop.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(on, place);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the stream has ended");
      clearTimeout(watchdog);
      watchdog = setTimeout(() => stop.abort(), silence);
      parse(value);
    }
  } finally {
    clearTimeout(watchdog);
    document.removeEventListener("visibilitychange", stopWhenHidden);
  }
}

// parser returns a function that takes the stream's text, in pieces however
// they come, and calls on for each message.
function parser(on, place) {
  let rest = "", type = "event";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") type = "event";
      else if (line.startsWith("id: ")) place.id = line.slice(4);
      else if (line.startsWith("event: ")) type = line.slice(7);
      else if (line.startsWith("data: ")) on[type]?.(JSON.parse(line.slice(6)));
    }
  };
}
