// What the browser tests share: Chromium, a server to talk to, and a count at the end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chromium } from "playwright-core";

// Everything that would look for hosts of its vendor is off: the tests use loopback only.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  console.log(`Chromium ${browser.version()}`);
  return browser;
}

// A program that prints a line with its port; restart () puts another in the place of one that ended.
export class Server {
  constructor(program, port = 0) {
    this.program = program;
    this.port = port;
  }

  async start() {
    this.process = spawn(this.program, [String(this.port)], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    for await (const data of this.process.stdout) {
      text += data;
      const found = text.match(/:(\d+)\D/);
      if (found) {
        this.port = Number(found[1]);
        this.process.stdout.resume();
        return;
      }
    }
    throw new Error(`${this.program} ended: ${text}`);
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGTERM");
      await once(this.process, "exit");
    }
    return this.process.exitCode;
  }
}

const tests = [];

export function test(name, run) {
  tests.push({ name, run });
}

export function equal(got, wanted, what) {
  const [a, b] = [got, wanted].map(value => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}

// Runs the tests and ends the process.
export async function main() {
  let failed = 0;
  for (const { name, run } of tests) {
    try {
      await run();
      console.log(`ok   ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}: ${error.stack}`);
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}
