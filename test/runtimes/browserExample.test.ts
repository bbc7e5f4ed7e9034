// examples/browser, opened from disk with the network off.
import { cpSync, renameSync } from "node:fs";
import { type Browser, type Page, chromium as playwright } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { chromiumArguments } from "./browsers.js";
import { chromium, describeWith } from "./machine.js";
import { consumer, root } from "./places.js";

/** Inside the installed package, so that the example finds its dist/ where it does in the repository. */
const folder = `${consumer}node_modules/howsmooth/examples/browser/`;

describeWith([chromium], "examples/browser", () => {
  let browser: Browser;
  let page: Page;
  const asked: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    cpSync(`${root}examples/browser`, folder, { recursive: true });
    browser = await playwright.launch({ executablePath: chromium.path, args: chromiumArguments });
    const context = await browser.newContext({ offline: true });
    page = await context.newPage();
    page.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", ({ message }) => complaints.push(message));
  });
  afterAll(() => browser?.close());
  beforeEach(() => page.goto(`file://${folder}index.html`));

  const measure = async (problem?: string) => {
    if (problem !== undefined) await page.getByLabel("Layer and tokens").fill(problem);
    await page.getByRole("button", { name: "Measure" }).click();
    await page.waitForFunction("document.querySelector('dd') || document.querySelector('[role=alert]').textContent");
    return { answers: await page.locator("dd").allTextContents(), alert: await page.getByRole("alert").textContent() };
  };

  it("measures the layer that it shows", async () => {
    const { answers, alert } = await measure();
    expect(alert).toBe("");
    expect(answers[0]).toMatch(/^1\.78/);
    expect(Number(answers[1])).toBeLessThanOrEqual(Number(answers[0]));
    expect(Number.parseFloat(answers[2])).toBeGreaterThanOrEqual(Number(answers[0]));
  });

  it("measures a layer that is pasted: two tokens on a line, in closed form", async () => {
    const one = { weight: [[1]] };
    const { answers } = await measure(
      JSON.stringify({ layer: { heads: 1, query: one, key: one, value: one }, x: [[1], [-1]] }),
    );
    expect(Number(answers[0])).toBeCloseTo(Math.tanh(1) + 2 / Math.cosh(1) ** 2, 6);
  });

  it.each([
    ["{", /JSON/],
    ['{"layer":{"heads":1,"query":{"weight":[[1],[2,3]]}},"x":[[1]]}', /query\.weight": expected rows of equal length/],
    ['{"layer":{"heads":1},"x":[[1]]}', /query/],
  ])("says what is wrong with %s", async (problem, message) => {
    const { answers, alert } = await measure(problem);
    expect(answers).toEqual([]);
    expect(alert).toMatch(message);
  });

  it("says where the library is to come from when it is not there", async () => {
    const script = `${consumer}node_modules/howsmooth/dist/howsmooth.iife.js`;
    renameSync(script, `${script}.away`);
    try {
      await page.reload();
      expect((await measure()).alert).toMatch(/npm run build/);
    } finally {
      renameSync(`${script}.away`, script);
    }
  });

  it("asks for files alone, and never fails where nobody looks", () => {
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((url) => !url.startsWith("file://"))).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
