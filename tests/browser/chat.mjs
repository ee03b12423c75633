// The chat example, used as people use it: node chat.mjs PROGRAM SCREENSHOT_DIR
import { mkdirSync } from "node:fs";
import { equal, launch, main, Server, test } from "./harness.mjs";

const [program, pictures] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });

const server = new Server(program);
await server.start();
const browser = await launch();

async function visit(width, height) {
  const page = await (await browser.newContext({ viewport: { width, height }, locale: "en-GB" })).newPage();
  page.troubles = [];
  page.on("pageerror", error => page.troubles.push(error.message));
  await page.goto(`http://localhost:${server.port}/`);
  await page.getByText("connected", { exact: true }).waitFor();
  return page;
}

async function join(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
}

async function say(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

const heard = (page, text) => page.getByLabel("Messages").getByText(text).waitFor();
const people = page => page.getByLabel("People").getByRole("listitem").allTextContents();
const isHere = (page, name) => page.getByLabel("People").getByText(name, { exact: true }).waitFor();

const ada = await visit(1000, 640);
const grace = await visit(390, 720);

test("two people join and see each other", async () => {
  await join(ada, "Ada");
  await isHere(ada, "Ada");
  await join(grace, "Grace");
  await isHere(ada, "Grace");
  await isHere(grace, "Ada");
  equal(await people(ada), ["Ada", "Grace"], "people");
});

test("each reads what the other says", async () => {
  await say(ada, "Good morning, is the lift working again?");
  await heard(grace, "is the lift working");
  await say(grace, "Yes, since eight. The new board came yesterday. ✔");
  await heard(ada, "The new board came yesterday. ✔");
});

test("what looks like markup is text", async () => {
  await say(ada, "<b>bold</b> & 5 < 6");
  await heard(grace, "<b>bold</b> & 5 < 6");
});

test("it fits a phone and a desktop", async () => {
  for (const [page, name] of [[ada, "chat-desktop"], [grace, "chat-phone"]]) {
    const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    equal(wider, false, `${name} scrolls sideways`);
    await page.screenshot({ path: `${pictures}/${name}.png` });
  }
});

test("who comes later reads what was said, and can't take a name", async () => {
  const later = await visit(800, 600);
  await join(later, "Ada");
  await later.getByRole("alert").getByText("Somebody of that name is here").waitFor();
  await join(later, "Linus");
  await heard(later, "is the lift working");
  await isHere(ada, "Linus");
  await later.close();
  await heard(ada, "Linus left at");
  equal(await people(ada), ["Ada", "Grace"], "people");
});

test("a restart of the server is noticed, and everybody comes back", async () => {
  equal(await server.stop(), 0, "exit status of the server");
  for (const page of [ada, grace]) {
    await page.getByText("reconnecting…", { exact: true }).waitFor();
    equal(await page.getByRole("button", { name: "Send" }).isDisabled(), true, "sending is disabled");
  }
  await server.start();
  await isHere(ada, "Grace");
  await isHere(grace, "Ada");
  await say(grace, "There we are again.");
  await heard(ada, "There we are again.");
});

test("no script failed", async () => {
  equal([...ada.troubles, ...grace.troubles], [], "errors");
});

await main();
await browser.close();
await server.stop();
