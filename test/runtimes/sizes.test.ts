// How much a user loads, gzipped: the reaches that `npm run size` reports on.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { bundledBytes, gzipped } from "../../scripts/size/bytes.mjs";
import { root } from "./places.js";

const plain = ["f32-simd", "f32-relaxed", "f64-simd", "f64-relaxed"];
const kernels = [...plain, ...plain.map((name) => `${name}-threads`)];
const embedded = (name: string) => gzipped(readFileSync(`${root}src/device/wasm/kernels/${name}.ts`));
const core = () => bundledBytes('export { createRuntime, localLipschitz } from "howsmooth";');

it("the core without its kernels is at most 36 kB", async () => {
  const bytes = await core();
  expect(bytes).toBeGreaterThan(5_000);
  expect(bytes).toBeLessThanOrEqual(36_000);
});

it.each(kernels)("the kernels %s are at most 30 kB", (name) => {
  expect(gzipped(readFileSync(`${root}dist/kernels/${name}.wasm`))).toBeLessThanOrEqual(30_000);
});

it("a first measurement in f32 loads at most 58 kB", async () => {
  expect((await core()) + Math.max(embedded("f32-simd"), embedded("f32-relaxed"))).toBeLessThanOrEqual(58_000);
});
