// One small interface over three browsers: open a page, wait for what its title says.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { chromium as playwright } from "playwright-core";
import puppeteer from "puppeteer-core";
import type { Proof } from "./evidence.js";
import { chromium, firefox, webkitDriver, xvfb } from "./machine.js";

export interface Browser {
  readonly version: string;
  /** Opens the address, and waits until the page has put JSON into its title. */
  outcome(url: string): Promise<{ proofs: Proof[]; error?: string }>;
  close(): Promise<void>;
}

/** Arguments that keep Chromium quiet, and let it run as root. WebGPU is SwiftShader's where there is no GPU. */
export const chromiumArguments = [
  ...["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--enable-unsafe-webgpu"],
];

export function launchChromium() {
  return playwright.launch({ executablePath: chromium.path, args: chromiumArguments });
}

export async function openChromium(): Promise<Browser> {
  const browser = await launchChromium();
  return {
    version: browser.version(),
    async outcome(url) {
      const page = await browser.newPage();
      try {
        await page.goto(url);
        return await untilJSON(() => page.title());
      } finally {
        await page.close();
      }
    },
    close: () => browser.close(),
  };
}

export async function openFirefox(): Promise<Browser> {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: firefox.path,
    extraPrefsFirefox: { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true },
  });
  return {
    version: (await browser.version()).replace(/^\D+/, ""),
    async outcome(url) {
      const page = await browser.newPage();
      try {
        await page.goto(url);
        return await untilJSON(() => page.title());
      } finally {
        await page.close();
      }
    },
    close: () => browser.close(),
  };
}

/** WebKitGTK over the WebDriver protocol itself, on a display of its own. */
export async function openWebKit(): Promise<Browser> {
  const port = await freePort();
  const home = mkdtempSync(`${tmpdir()}/webkit-`);
  const env = { ...process.env, HOME: home, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", LIBGL_ALWAYS_SOFTWARE: "1" };
  const driver = spawn(xvfb.path, ["-a", webkitDriver.path, `--port=${port}`], {
    env,
    detached: true,
    stdio: "ignore",
  });
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const { value } = (await response.json()) as { value: Record<string, unknown> & string };
    if (!response.ok) throw new Error(`WebKitWebDriver: ${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  };
  try {
    await answering(() => ask("GET", "/status"));
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": { args: ["--automation"] } } };
    const session = await ask("POST", "/session", { capabilities });
    const at = `/session/${session.sessionId}`;
    return {
      version: String((session.capabilities as Record<string, string>).browserVersion),
      async outcome(url) {
        await ask("POST", `${at}/url`, { url });
        return untilJSON(async () => ask("GET", `${at}/title`));
      },
      async close() {
        await ask("DELETE", at).finally(() => end(driver, home));
      },
    };
  } catch (error) {
    end(driver, home);
    throw error;
  }
}

function end(driver: ChildProcess, home: string): void {
  // The whole group that was started here: xvfb-run leaves its display behind otherwise.
  process.kill(-driver.pid!);
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

async function answering(question: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await question();
      return;
    } catch (error) {
      if (tries >= 100) throw error;
      await pause(100);
    }
  }
}

async function untilJSON(title: () => Promise<string>): Promise<{ proofs: Proof[]; error?: string }> {
  const until = Date.now() + 60_000;
  for (;;) {
    const text = await title();
    if (text.startsWith("{")) return JSON.parse(text);
    if (Date.now() > until) throw new Error(`the page has said nothing for a minute; its title is "${text}"`);
    await pause(50);
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
