// Browsers: the package's files as they are, in a page, in a Worker, from disk, under a Content-Security-Policy.
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Browser, openChromium, openFirefox, openWebKit } from "./browsers.js";
import { prove, proveThreads } from "./evidence.js";
import { chromium, describeWith, firefox, webkitDriver, xvfb } from "./machine.js";
import { consumer } from "./places.js";
import { openSite, type Site } from "./site.js";

const strict = encodeURIComponent("default-src 'none'; script-src 'self'; worker-src 'self'");
const strictWithWasm = encodeURIComponent(
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
);

let site: Site;
beforeAll(async () => {
  const source = readFileSync(`${consumer}proof.mjs`, "utf8");
  writeFileSync(`${consumer}proof.js`, source.replace(/^export /gm, ""));
  site = await openSite(consumer);
});
afterAll(() => site.close());

const browsers = [
  { name: "Chromium", needed: [chromium], open: openChromium, webgpu: true, simd: "relaxed" },
  { name: "Firefox", needed: [firefox], open: openFirefox, webgpu: true, simd: "relaxed" },
  { name: "WebKitGTK", needed: [webkitDriver, xvfb], open: openWebKit, webgpu: false, simd: "simd128" },
];

for (const { name, needed, open, webgpu, simd } of browsers) {
  describeWith(needed, name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await open();
    });
    afterAll(() => browser?.close());

    const proven = async (how: string, url: string, dtypes?: string[]) => {
      const { proofs, error } = await browser.outcome(url);
      expect(error).toBeUndefined();
      prove({ runtime: name, version: browser.version, how }, proofs, dtypes);
      return proofs;
    };

    it("a page without a bundler", async () => {
      const [proof] = await proven("ES modules", `${site.url}page.html`);
      expect(proof.simd).toBe(simd);
    });

    it("a Worker", async () => {
      await proven("in a Worker", `${site.url}page.html?in=worker`);
    });

    it("a page opened from disk", async () => {
      await proven("file:// page", `file://${consumer}iife.html`);
    });

    it("a policy that allows WebAssembly and nothing else", async () => {
      await proven("strict CSP", `${site.url}page.html?csp=${strictWithWasm}`);
    });

    it("a policy without 'wasm-unsafe-eval' is named in the error", async () => {
      const { error } = await browser.outcome(`${site.url}page.html?csp=${strict}`);
      expect(error).toMatch(/DeviceError.*Content-Security-Policy must allow 'wasm-unsafe-eval' in script-src/);
    });

    if (name === "WebKitGTK") {
      it("threads are refused: it has no shared memory", async () => {
        const { error } = await browser.outcome(`${site.url}page.html?on=threads`);
        expect(error).toMatch(/"threads": 2 cannot be had: this .* share/);
      });
    } else {
      it("threads, on a page that is cross-origin isolated", async () => {
        const { proofs, error } = await browser.outcome(`${site.url}page.html?on=threads&isolated`);
        expect(error).toBeUndefined();
        proveThreads(name, browser.version, proofs);
      });

      it("threads are refused on another page, which is told the headers", async () => {
        const { error } = await browser.outcome(`${site.url}page.html?on=threads`);
        expect(error).toMatch(/Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/);
      });

      it("threads are refused by a policy without blob:, which is named", async () => {
        const { error } = await browser.outcome(`${site.url}page.html?on=threads&isolated&csp=${strictWithWasm}`);
        expect(error).toMatch(/Content-Security-Policy must allow blob: in worker-src/);
      });
    }

    if (!webgpu) return;
    it("WebGPU", async () => {
      const proofs = await proven("ES modules", `${site.url}page.html?on=webgpu`, ["f32"]);
      expect(proofs[0].device).toBe("webgpu");
    });
  });
}
