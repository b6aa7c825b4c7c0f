// A client of the Pusher protocol that comes back as pusher-js does.

// How long, in ms, to wait after a close; null: never come back.
export function waitAfter(code) {
  if (code >= 4000 && code <= 4099 || code >= 4300) return null;
  if (code >= 4200 && code <= 4299) return 0;
  return 1000;
}

// Without a 101, the next attempt begins so many ms after the last one did.
const slots = [15_000, 30_000, 60_000];
const pongTimeout = 30_000;

export class Connection {
  // handlers: connecting(), connected(data), closed({code, opened, wait}),
  // message(message). wait is in ms, null: the connection has given up.
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.attempts = 0;
  }

  connect() {
    clearTimeout(this.timer);
    this.socket?.close();
    const slot = slots[Math.min(this.attempts++, slots.length - 1)];
    const attempt = { opened: false, ends: Date.now() + slot, refusal: null };
    const socket = this.socket = new WebSocket(this.url);
    this.timer = setTimeout(() => this.close(socket, attempt, 1006), slot);
    socket.onopen = () => { attempt.opened = true; this.attempts = 0; };
    socket.onmessage = (event) => this.receive(socket, attempt, JSON.parse(event.data));
    socket.onclose = (event) => this.close(socket, attempt, attempt.refusal ?? event.code);
    this.handlers.connecting();
  }

  send(event, data) {
    this.socket.send(JSON.stringify({ event, data }));
  }

  // An error ahead of the greeting counts as the close code that it names.
  receive(socket, attempt, message) {
    if (socket !== this.socket) return;
    const data = parse(message.data);
    if (message.event === "pusher:connection_established") {
      this.activity = data.activity_timeout * 1000;
      this.greeted = socket;
      this.handlers.connected(data);
    } else if (message.event === "pusher:error" && this.greeted !== socket) {
      attempt.refusal = data.code;
      socket.close();
    } else if (message.event === "pusher:ping") {
      this.send("pusher:pong", {});
    } else {
      this.handlers.message({ ...message, data });
    }
    if (this.greeted === socket) this.watch(socket, attempt);
  }

  // A quiet connection is asked for a life sign, and closed without one.
  watch(socket, attempt) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.send("pusher:ping", {});
      this.timer = setTimeout(() => this.close(socket, attempt, 1006), pongTimeout);
    }, this.activity);
  }

  close(socket, attempt, code) {
    if (socket !== this.socket) return;
    this.socket = null;
    socket.close();
    clearTimeout(this.timer);
    const wait = attempt.opened ? waitAfter(code) : Math.max(0, attempt.ends - Date.now());
    if (wait !== null) this.timer = setTimeout(() => this.connect(), wait);
    this.handlers.closed({ code, opened: attempt.opened, wait });
  }
}

function parse(data) {
  if (typeof data !== "string") return data;
  try { return JSON.parse(data); } catch { return data; }
}
