// The browser's own WebSocket against our server: node websocket.mjs PROGRAM
import { equal, launch, main, Server, test } from "./harness.mjs";

const server = new Server(process.argv[2]);
await server.start();
const browser = await launch();
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.port}/`);

// Helpers that live in the page.
await page.evaluate(port => {
  globalThis.open_ = (protocols, path = "/") => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols ?? []);
    socket.binaryType = "arraybuffer";
    socket.heard = [];
    socket.waiting = [];
    socket.onmessage = event => (socket.waiting.shift() ?? (data => socket.heard.push(data)))(event.data);
    socket.next = () => new Promise(got => socket.heard.length ? got(socket.heard.shift()) : socket.waiting.push(got));
    socket.ended = new Promise(got => socket.onclose = event => got([event.code, event.reason, event.wasClean]));
    socket.onopen = () => resolve(socket);
    socket.onerror = () => reject(new Error("error event"));
  });
}, server.port);

test("texts of every size come back as they were", async () => {
  const wrong = await page.evaluate(async () => {
    const socket = await open_();
    const wrong = [];
    for (const text of ["", "a", "ä€😀", "x".repeat(125), "x".repeat(126), "é".repeat(40000), "z".repeat(1 << 20)]) {
      socket.send(text);
      if (await socket.next() !== text) wrong.push(text.length);
    }
    socket.close();
    await socket.ended;
    return wrong;
  });
  equal(wrong, [], "sizes that differ");
});

test("binary messages come back, from buffers and blobs", async () => {
  const wrong = await page.evaluate(async () => {
    const socket = await open_();
    const wrong = [];
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => i * 31);
      for (const data of [bytes, new Blob([bytes])]) {
        socket.send(data);
        const back = new Uint8Array(await socket.next());
        if (back.length !== size || back.some((byte, i) => byte !== bytes[i])) wrong.push(size);
      }
    }
    socket.close();
    await socket.ended;
    return wrong;
  });
  equal(wrong, [], "sizes that differ");
});

test("a thousand messages keep their order", async () => {
  const wrong = await page.evaluate(async () => {
    const socket = await open_();
    for (let i = 0; i < 1000; i++) socket.send(`message ${i} ${"-".repeat(i)}`);
    let wrong = 0;
    for (let i = 0; i < 1000; i++) wrong += !(await socket.next()).startsWith(`message ${i} `);
    socket.close();
    await socket.ended;
    return wrong;
  });
  equal(wrong, 0, "out of order");
});

test("the browser's close code and reason reach the server, and it answers", async () => {
  const [ended, told] = await page.evaluate(async () => {
    const [socket, other] = [await open_(), await open_()];
    socket.close(4321, "tschüß");
    const ended = await socket.ended, told = await other.next();
    other.close();
    await other.ended;
    return [ended, told];
  });
  // The answer repeats the status.
  equal(ended.slice(0, 1).concat(ended[2]), [4321, true], "close event");
  equal(told, "closed 4321 tschüß", "what the server saw");
});

test("the server's close code and reason reach the browser, cleanly", async () => {
  for (const [asked, seen] of [["close 1000 done", [1000, "done", true]], ["close 4000 ", [4000, "", true]],
    ["close 1001 going away", [1001, "going away", true]], ["close 0 ", [1005, "", true]]]) {
    const ended = await page.evaluate(async text => {
      const socket = await open_();
      socket.send(text);
      return socket.ended;
    }, asked);
    equal(ended, seen, asked);
  }
});

test("the sub-protocol is the one the server speaks", async () => {
  const protocol = await page.evaluate(async () => {
    const socket = await open_(["one", "two", "three"]);
    socket.close();
    await socket.ended;
    return socket.protocol;
  });
  equal(protocol, "two", "protocol");
});

test("permessage-deflate is negotiated", async () => {
  const extensions = await page.evaluate(async () => {
    const socket = await open_();
    socket.close();
    await socket.ended;
    return socket.extensions;
  });
  equal(extensions.split(";")[0], "permessage-deflate", "extensions");
});

test("an answer with a protocol the page didn't ask for is an error event", async () => {
  // The server answers "two", whatever was asked for.
  const outcome = await page.evaluate(() => open_(["none"]).then(() => "open", error => error.message));
  equal(outcome, "error event", "outcome");
});

await main();
await browser.close();
await server.stop();
