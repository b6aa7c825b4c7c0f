// The clients themselves, for node and for the browser: pusher-js or
// laravel-echo as they come from npm, and a line for everything they see.
import { Sequences } from './sequences.mjs';

// start makes config.clients clients, of which config.atOnce arrive at once: one
// process is slower than as many browsers would be, and pusher-js gives an
// attempt up after 15 seconds. The platform brings the Pusher and Echo of its
// kind, emit(line), which takes a line away, and open(url, client), which opens
// a socket for the client of that number.
export function start(config, platform) {
  const make = config.library === 'laravel-echo' ? echoClient : pusherClient;
  const clients = [];
  const arrived = new Set();
  const channels = new Set(config.channels);
  for (let n = 0; n < config.clients; n++) rooms(config, n).forEach((name) => channels.add(name));
  const counts = Array.from({ length: config.clients }, () => new Sequences());
  const next = () => clients.length < config.clients && clients.push(make(config, followed, clients.length));
  const followed = {
    ...platform,
    channels,
    emit(line) {
      if (isNumbered(config, line)) return counts[line.client].take(line.channel, line.event, line.data);
      if (!config.untold.includes(line.type)) platform.emit(line);
      if (line.type !== 'established' || arrived.has(line.client)) return;
      arrived.add(line.client);
      next();
    },
  };
  tapSockets(followed);
  for (let n = 0; n < (config.atOnce || config.clients); n++) next();
  return ({ do: method, client, channel, event, data }) => {
    if (method === 'report') return platform.emit({ client, type: 'report', ...clients[client].report(), sequences: counts[client].list() });
    if (method === 'subscribe') channels.add(channel);
    return clients[client][method](channel, event, data);
  };
}

// rooms are the presence channels that a client has with a few others.
function rooms({ room, name }, client) {
  return room ? [`presence-${name}.${Math.floor(client / room)}`] : [];
}

// isNumbered is whether the line is an event that is counted, be it a whisper or
// one of Laravel's, which have a namespace.
function isNumbered({ numbered }, { type, event }) {
  return type === 'event' && numbered.includes(event.replace(/^client-|^.*\\/, ''));
}

// tapSockets puts itself where pusher-js opens sockets, since what a socket
// ends with, and what the node says first, goes no further than pusher-js, nor
// does what comes on a channel that nobody has asked for. timelineParams is the
// one option that travels along untouched.
function tapSockets({ Pusher, open, emit, channels }) {
  Pusher.Runtime.Transports.ws.hooks.getSocket = (url, options) => {
    const { client } = options.timeline.options.params;
    const socket = open(url, client);
    const attempt = followAttempt(socket);
    socket.addEventListener('open', () => emit({ client, type: 'open' }));
    socket.addEventListener('close', ({ code, reason, wasClean }) =>
      emit({ client, type: 'closed', code, reason, clean: wasClean, gaveUp: attempt.gaveUp }));
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data);
      greeting(message, client, emit);
      if (message.channel && !channels.has(message.channel)) emit({ client, type: 'stray', ...message });
    });
    return socket;
  };
}

// followAttempt knows whether pusher-js gave the attempt up: it closed the
// socket before anything had come.
function followAttempt(socket) {
  const attempt = { heard: false, gaveUp: false };
  const close = socket.close;
  socket.addEventListener('message', () => { attempt.heard = true; });
  socket.close = (...how) => {
    attempt.gaveUp = !attempt.heard;
    return close.apply(socket, how);
  };
  return attempt;
}

function greeting(message, client, emit) {
  if (message.event !== 'pusher:connection_established') return;
  const { socket_id: socket, node } = JSON.parse(message.data);
  emit({ client, type: 'established', socket, node });
}

function pusherOptions(config, client) {
  const url = new URL(config.url);
  const port = Number(url.port || (url.protocol === 'wss:' ? 443 : 80));
  return {
    cluster: '',
    wsHost: url.hostname,
    wsPort: port,
    wssPort: port,
    wsPath: url.pathname === '/' ? '' : url.pathname,
    forceTLS: url.protocol === 'wss:',
    // Without TLS, pusher-js would try that beside it when a node is slow.
    enabledTransports: url.protocol === 'wss:' ? ['ws', 'wss'] : ['ws'],
    timelineParams: { client },
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) =>
        authorize(config, client, socketId, channelName).then((auth) => done(null, auth), (error) => done(error, null)),
    },
  };
}

// authorize is what Laravel's /broadcasting/auth answers.
async function authorize({ key, secret, name }, client, socketId, channel) {
  const member = channel.startsWith('presence-')
    ? JSON.stringify({ user_id: `${name}-${client}`, user_info: { name: `${name} ${client}` } })
    : undefined;
  const signed = [socketId, channel, member].filter((part) => part !== undefined).join(':');
  return { auth: `${key}:${await hmac(secret, signed)}`, channel_data: member, ...(await sharedSecret(secret, channel)) };
}

// sharedSecret is what the data on an encrypted channel is sealed with. An app has
// a master key for that, which is the app's secret here.
async function sharedSecret(master, channel) {
  if (!channel.startsWith('private-encrypted-')) return {};
  const key = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(channel + master));
  return { shared_secret: btoa(String.fromCharCode(...new Uint8Array(key))) };
}

async function hmac(secret, text) {
  const bytes = (s) => new TextEncoder().encode(s);
  const key = await crypto.subtle.importKey('raw', bytes(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const sum = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(text)));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// followConnection reports what pusher-js says about its connection.
function followConnection(pusher, client, emit) {
  pusher.connection.bind('state_change', ({ current }) => emit({ client, type: 'state', state: current }));
  pusher.connection.bind('error', (error) => emit({ client, type: 'error', data: errorData(error) }));
}

function errorData(error) {
  return error?.data ?? error?.error?.data ?? String(error?.error?.message ?? error?.type ?? error);
}

function pusherClient(config, { Pusher, emit }, client) {
  const pusher = new Pusher(config.key, pusherOptions(config, client));
  followConnection(pusher, client, emit);
  const subscribe = (name) => pusher.subscribe(name).bind_global((event, data) => heard(client, name, event, data, emit));
  [...config.channels, ...rooms(config, client)].forEach(subscribe);
  return {
    subscribe,
    whisper: (name, event, data) => pusher.channel(name).trigger(`client-${event}`, data),
    report: () => ({ socket: pusher.connection.socket_id, views: views(pusher) }),
    connect: () => pusher.connect(),
    disconnect: () => pusher.disconnect(),
  };
}

// views are the ids of the members of presence channels, as the page knows them.
function views(pusher) {
  const present = pusher.allChannels().filter(({ members }) => members);
  return Object.fromEntries(present.map(({ name, members }) => [name, Object.keys(members.members).sort()]));
}

// heard turns the events of pusher-js into the lines that Echo's calls make.
function heard(client, channel, event, data, emit) {
  switch (event) {
    case 'pusher:subscription_succeeded':
      emit({ client, type: 'subscribed', channel, node: data.node });
      if (channel.startsWith('presence-')) emit({ client, type: 'here', channel, members: Object.values(data.members).map(({ name }) => name) });
      return;
    case 'pusher:subscription_error':
      return emit({ client, type: 'error', channel, data });
    case 'pusher:member_added':
      return emit({ client, type: 'joining', channel, members: [data.info.name] });
    case 'pusher:member_removed':
      return emit({ client, type: 'leaving', channel, members: [data.info.name] });
    case 'pusher:subscription_count':
      return undefined;
  }
  return emit({ client, type: 'event', channel, event, data });
}

function echoClient(config, { Echo, Pusher, emit }, client) {
  const echo = new Echo({ ...pusherOptions(config, client), broadcaster: 'reverb', key: config.key, Pusher });
  followConnection(echo.connector.pusher, client, emit);
  const joined = new Map();
  const subscribe = (name) => joined.set(name, listen(echoChannel(echo, name), name, config, client, emit));
  [...config.channels, ...rooms(config, client)].forEach(subscribe);
  return {
    subscribe,
    whisper: (name, event, data) => joined.get(name).whisper(event, data),
    report: () => ({ socket: echo.socketId(), views: views(echo.connector.pusher) }),
    connect: () => echo.connector.pusher.connect(),
    disconnect: () => echo.disconnect(),
  };
}

// echoChannel leaves the prefix to Echo, which puts it back.
function echoChannel(echo, name) {
  if (name.startsWith('private-encrypted-')) return echo.encryptedPrivate(name.slice('private-encrypted-'.length));
  if (name.startsWith('private-')) return echo.private(name.slice('private-'.length));
  if (name.startsWith('presence-')) return echo.join(name.slice('presence-'.length));
  return echo.channel(name);
}

function listen(channel, name, { events }, client, emit) {
  channel.subscribed(() => emit({ client, type: 'subscribed', channel: name }));
  channel.error((data) => emit({ client, type: 'error', channel: name, data }));
  for (const event of events) {
    channel.listen(event, (data) => emit({ client, type: 'event', channel: name, event, data }));
    channel.listenForWhisper(event, (data) => emit({ client, type: 'event', channel: name, event: `client-${event}`, data }));
  }
  channel.on('pusher:cache_miss', () => emit({ client, type: 'event', channel: name, event: 'pusher:cache_miss', data: {} }));
  if (name.startsWith('presence-')) followMembers(channel, name, client, emit);
  return channel;
}

function followMembers(channel, name, client, emit) {
  const say = (type) => (members) => emit({ client, type, channel: name, members: [members].flat().map(({ name }) => name) });
  channel.here(say('here')).joining(say('joining')).leaving(say('leaving'));
}
