/*
 * Node's ws as one end of an exchange; commands and events are those of peers.py.
 *
 *   peer_ws.js [OPTION] listen [PROTOCOL]
 *   peer_ws.js [OPTION] connect ADDRESS PORT PATH [PROTOCOLS]
 *
 * OPTION: --deflate=SEND/RECEIVE or --tls=CERTIFICATE,KEY,CA,VERSION
 */
'use strict';

const fs = require('node:fs');
const https = require('node:https');
const readline = require('node:readline');
const { WebSocket, WebSocketServer } = require('ws');

let connection;

const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);
const bytes = (hex) => Buffer.from(hex.replace('-', ''), 'hex');

function receive(socket) {
  connection = socket;
  say('open', Buffer.from(socket.protocol).toString('hex'));
  if (socket.extensions !== '') {
    say('compressed');
  }
  socket.on('message', (data, isBinary) =>
    say(`message ${isBinary ? 'binary' : 'text'}`, data.toString('hex')));
  socket.on('ping', (data) => say('ping', data.toString('hex')));
  socket.on('pong', (data) => say('pong', data.toString('hex')));
  socket.on('close', (code, reason) => say('closed', code, reason.toString('hex')));
  socket.on('error', (error) => say('error:', error.message));
}

function obey(command, ...words) {
  const binary = words[0] !== 'text';
  if (command === 'send') {
    connection.send(bytes(words[1]), { binary });
  } else if (command === 'fragments') {
    words.slice(1).forEach((part, i, parts) =>
      connection.send(bytes(part), { binary, fin: i === parts.length - 1 }));
  } else if (command === 'ping') {
    connection.ping(bytes(words[0]));
  } else if (command === 'close' && words.length > 0) {
    connection.close(Number(words[0]), bytes(words.slice(1).join('')));
  } else if (command === 'close') {
    connection.close();
  } else {
    say('error:', command);
  }
}

/* The extension as --deflate=SEND/RECEIVE asks for it; what is not asked for may be anything. */
function extension(settings, isServer) {
  const [send, receive] = settings.split('/');
  const [ours, theirs] = isServer ? ['server', 'client'] : ['client', 'server'];
  const options = { threshold: 0 };
  for (const [side, asked] of [[ours, send], [theirs, receive]]) {
    if (asked.endsWith('!')) {
      options[`${side}NoContextTakeover`] = true;
    }
    if (parseInt(asked) < 15) {
      options[`${side}MaxWindowBits`] = parseInt(asked);
    }
  }
  return options;
}

/* Options for TLS as --tls=CERTIFICATE,KEY,CA,VERSION asks for them. */
function secure(text, isServer) {
  const [cert, key, ca, version] = text.split(',');
  const read = (file) => (file ? fs.readFileSync(file) : undefined);
  return {
    cert: read(cert),
    key: read(key),
    ca: read(ca),
    maxVersion: version === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
    requestCert: isServer && ca !== '',
    rejectUnauthorized: ca !== '',
  };
}

const words = process.argv.slice(2);
const settings = words[0].startsWith('--deflate=') ? words.shift().slice(10) : undefined;
const tls = words[0].startsWith('--tls=') ? words.shift().slice(6) : undefined;
const [role, ...rest] = words;
const tlsOptions = tls && secure(tls, role === 'listen');
const perMessageDeflate = settings ? extension(settings, role === 'listen') : undefined;
let server;
if (role === 'listen') {
  const web = tlsOptions && https.createServer(tlsOptions);
  server = new WebSocketServer({
    ...(web ? { server: web } : { host: '127.0.0.1', port: 0 }),
    perMessageDeflate,
    handleProtocols: (offered) => (offered.has(rest[0]) ? rest[0] : false),
  });
  server.on('listening', () => say('listening', server.address().port));
  web?.listen(0, '127.0.0.1');
  server.on('connection', receive);
} else {
  const [address, port, path, protocols] = rest;
  const url = `${tls ? 'wss' : 'ws'}://${address}:${port}${path}`;
  const socket = new WebSocket(url, protocols?.split(', ') ?? [], {
    perMessageDeflate,
    ...tlsOptions,
  });
  socket.on('open', () => receive(socket));
  socket.on('unexpected-response', (request, response) => say('refused', response.statusCode));
  socket.on('error', (error) => tls && !connection && say('failed', error.message));
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => obey(...line.split(' ')));
lines.on('close', () => {
  connection?.close();
  server?.close();
  setTimeout(() => process.exit(0), 2000).unref();
});
