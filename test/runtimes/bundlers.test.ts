// Bundlers: an application without the optional tokenizers is built with each as its users do, then run in Chromium.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import nodeResolve from "@rollup/plugin-node-resolve";
import { build as esbuild, version as esbuildVersion } from "esbuild";
import { rollup, VERSION as rollupVersion } from "rollup";
import { build as vite, version as viteVersion } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import webpack from "webpack";
import { type Browser, openChromium } from "./browsers.js";
import { prove } from "./evidence.js";
import { chromium, describeWith } from "./machine.js";
import { consumer } from "./places.js";
import { openSite, type Site } from "./site.js";

const entry = `${consumer}bundled.mjs`;
const page = (script: string) => `<!doctype html><title>…</title><script type="module" src="${script}"></script>\n`;

interface Bundler {
  name: string;
  version: string;
  /** Puts an index.html and what it needs into the folder. */
  build(folder: string): Promise<void>;
}

const bundlers: Bundler[] = [
  {
    name: "Vite",
    version: viteVersion,
    async build(folder) {
      const root = `${consumer}vite/`;
      mkdirSync(root, { recursive: true });
      cpSync(entry, `${root}main.mjs`);
      cpSync(`${consumer}proof.mjs`, `${root}proof.mjs`);
      writeFileSync(`${root}index.html`, page("./main.mjs"));
      await vite({ root, base: "./", build: { outDir: folder }, logLevel: "error", configFile: false });
    },
  },
  {
    name: "webpack",
    version: webpack.version,
    async build(folder) {
      const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
        const options = { mode: "production", entry, context: consumer, output: { path: folder } } as const;
        webpack(options, (error, result) => (error ? reject(error) : resolve(result)));
      });
      expect(stats!.toJson({ errors: true }).errors).toEqual([]);
      writeFileSync(`${folder}index.html`, page("./main.js"));
    },
  },
  {
    name: "esbuild",
    version: esbuildVersion,
    async build(folder) {
      const options = { bundle: true, minify: true, splitting: true, format: "esm", logLevel: "silent" } as const;
      await esbuild({ ...options, entryPoints: [entry], outdir: folder, absWorkingDir: consumer });
      writeFileSync(`${folder}index.html`, page("./bundled.js"));
    },
  },
  {
    name: "Rollup",
    version: rollupVersion,
    async build(folder) {
      const onwarn = () => undefined;
      const bundle = await rollup({ input: entry, plugins: [nodeResolve({ browser: true })], onwarn });
      await bundle.write({ dir: folder, format: "es" });
      await bundle.close();
      writeFileSync(`${folder}index.html`, page("./bundled.js"));
    },
  },
];

describeWith([chromium], "bundlers", () => {
  let browser: Browser;
  let site: Site;
  beforeAll(async () => {
    browser = await openChromium();
    site = await openSite(consumer);
  });
  afterAll(async () => {
    site?.close();
    await browser?.close();
  });

  it.each(bundlers)("$name", async ({ name, version, build }) => {
    const folder = `${consumer}bundles/${name}/`;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await build(folder);
    const { proofs, error } = await browser.outcome(`${site.url}bundles/${name}/index.html`);
    expect(error).toBeUndefined();
    prove({ runtime: name, version, how: "built, run in Chromium" }, proofs);
  });
});
