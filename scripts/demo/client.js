/* A client made with Node's ws: text, 1 MiB of bytes and a ping, there and back. */
'use strict';

const { WebSocket } = require('ws');

const data = Buffer.alloc(1 << 20, 'node');
const server = new WebSocket(process.argv[2]);

server.on('open', () => {
  server.send('Grüße from Node');
  server.send(data);
});
server.on('message', (message, isBinary) => {
  if (!isBinary) {
    console.log('echoed:', message.toString());
    return;
  }
  console.log('echoed:', message.equals(data) ? '1 MiB, unharmed' : 'something else');
  server.ping();
});
server.on('pong', () => {
  console.log('ping answered');
  server.close(1000);
});
server.on('close', (code) => console.log('closed:', code));
server.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
