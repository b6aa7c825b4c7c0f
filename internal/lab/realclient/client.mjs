// Runs clients in node: the configuration is the one argument, commands come
// as lines of JSON on stdin, and lines of JSON go to stdout. It ends when
// stdin does.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import Echo from 'laravel-echo';
import { start } from './clients.mjs';

const config = JSON.parse(process.argv[2]);
const require = createRequire(import.meta.url);
const Pusher = require(config.library === 'pusher-js-8-1' ? 'pusher-js-8-1' : 'pusher-js');
const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// The cookies that a browser would keep: client → name=value. pusher-js in
// node keeps none, but the WebSocket it brings along takes and shows headers.
const jar = new Map();

function open(url, client) {
  const Socket = Pusher.Runtime.getWebSocketAPI();
  const cookie = jar.get(client);
  const socket = fromNetwork(client, () => new Socket(spread(url, client), [], { headers: cookie ? { Cookie: cookie } : {} }));
  socket.addEventListener('open', () => keepCookie(socket.headers['set-cookie'], client));
  return tellClean(socket);
}

// spread has config.hosts take turns, where clients go without a balancer.
function spread(url, client) {
  if (!config.hosts) return url;
  const own = new URL(url);
  own.host = config.hosts[client % config.hosts.length];
  return own.href;
}

// fromNetwork gives each client a network of its own, as far as a hash of its
// address can tell, counted from config.network; without that, none. The
// WebSocket connects at once, by net or by tls, and has no option for it.
function fromNetwork(client, make) {
  if (config.network === undefined) return make();
  const number = config.network + client;
  const localAddress = `127.${1 + (number >> 8)}.${number & 255}.1`;
  const through = config.url.startsWith('wss:') ? tls : net;
  const { connect } = through;
  through.connect = (options, then) => connect({ ...options, localAddress }, then);
  try {
    return make();
  } finally {
    through.connect = connect;
  }
}

// tellClean adds what browsers say of a close and this WebSocket does not:
// pusher-js up to 8.1.0 gives up after two that were not clean.
function tellClean(socket) {
  const dispatch = socket.dispatchEvent;
  socket.dispatchEvent = (event) => {
    if (event.type === 'close') event.wasClean = event.code !== 1006;
    dispatch.call(socket, event);
  };
  return socket;
}

function keepCookie(header, client) {
  if (!header || !config.cookies) return;
  const [cookie] = header.split(';');
  jar.set(client, cookie);
  emit({ client, type: 'cookie', cookie });
}

const run = start(config, { Pusher, Echo, emit, open });
createInterface({ input: process.stdin })
  .on('line', (line) => run(JSON.parse(line)))
  .on('close', () => process.exit(0));
