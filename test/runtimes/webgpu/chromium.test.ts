// The device tests in a page of Chromium: Dawn, over SwiftShader where there is no GPU.
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { chromium, type Needed } from "../machine.js";
import { packages } from "../places.js";
import { openSite } from "../site.js";
import { describeRun, type Run } from "./suite.js";

const playwright: Needed = {
  name: "playwright-core",
  path: `${packages}playwright-core/package.json`,
  from: "npm --prefix test/runtimes ci",
};

async function runInChromium(folder: string): Promise<Run> {
  const { launchChromium } = await import("../browsers.js");
  const browser = await launchChromium();
  const site = await openSite(folder);
  const page = await browser.newPage();
  const said = new PassThrough();
  page.on("console", (message) => said.write(`${message.text()}\n`));
  page.on("pageerror", (error) => said.write(`${error.stack}\n`));
  page.on("crash", () => said.end("the page crashed\n"));
  await page.goto(`${site.url}index.html`);
  return {
    lines: createInterface(said),
    async stop() {
      await browser.close();
      site.close();
    },
  };
}

describeRun([chromium, playwright], "the device tests in Chromium", runInChromium);
