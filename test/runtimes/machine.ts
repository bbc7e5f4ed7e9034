// The runtimes that this machine has. One that is missing skips its tests by name, and fails them in CI.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { describe, it } from "vitest";
import { consumer, packages } from "./places.js";

const run = promisify(execFile);

export interface Needed {
  name: string;
  path: string;
  /** How to get it. */
  from: string;
}

const debian = (name: string, path: string, from: string): Needed => ({ name, path, from: `apt-get install ${from}` });
const npm = (name: string, path: string): Needed => ({
  name,
  path: `${packages}${path}`,
  from: "npm ci --prefix test/runtimes",
});

export const node: Needed = { name: "Node", path: process.execPath, from: "https://nodejs.org" };
export const node24 = npm("Node 24", "node/bin/node");
export const deno = npm("Deno", "deno/deno");
export const bun = npm("Bun", ".bin/bun");
export const workerd = npm("workerd", ".bin/workerd");
export const wrangler = npm("wrangler", "wrangler/bin/wrangler.js");
export const chromium = debian("Chromium", "/usr/bin/chromium", "chromium");
export const firefox = debian("Firefox", "/usr/bin/firefox-esr", "firefox-esr");
export const webkitDriver = debian("WebKitGTK", "/usr/bin/WebKitWebDriver", "webkit2gtk-driver");
export const xvfb = debian("Xvfb", "/usr/bin/xvfb-run", "xvfb xauth");

export const everything = [node, node24, deno, bun, workerd, wrangler, chromium, firefox, webkitDriver, xvfb];

export function missingOf(needed: Needed[]): Needed[] {
  return needed.filter(({ path }) => !existsSync(path));
}

/** describe() for tests that need what a machine may not have. */
export function describeWith(needed: Needed[], title: string, tests: () => void): void {
  const missing = missingOf(needed);
  if (missing.length === 0) {
    describe(title, tests);
    return;
  }
  const why = missing.map(({ name, from }) => `${name} is missing: ${from}`).join("; ");
  if (process.env.CI) {
    it(title, () => {
      throw new Error(why);
    });
  } else {
    describe.skip(`${title} (skipped: ${why})`, tests);
  }
}

/** Runs a program in the consumer's project; its stdout. */
export async function output(program: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" };
  const { stdout } = await run(program, args, { cwd: consumer, env, timeout: 240_000 });
  return stdout;
}
