// What each runtime has proven, kept for the README's table.
import { mkdirSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { evidence } from "./places.js";

/** What prove() of programs/proof.mjs answers, one a dtype. */
export interface Proof {
  device: "wasm" | "webgpu";
  dtype: "f32" | "f64";
  simd?: "relaxed" | "simd128";
  adapter?: string;
  sigma: number;
  sigmaError: number;
  forwardError: number;
}

export interface Way {
  runtime: string;
  version: string;
  /** How the package got there: import, require, a bundler. */
  how: string;
}

/** Holds a proof against the closed form once more, outside of the runtime that made it, and keeps it. */
export function prove(way: Way, proofs: Proof[], dtypes: string[] = ["f32", "f64"]): void {
  expect(proofs.map(({ dtype }) => dtype)).toEqual(dtypes);
  for (const { dtype, sigma } of proofs) {
    expect(Math.abs(sigma - 1.6015428391838167)).toBeLessThan(dtype === "f64" ? 1e-9 : 1e-4);
  }
  mkdirSync(evidence, { recursive: true });
  const device = proofs[0].device;
  const name = [way.runtime, way.how, device].join("-").replace(/[^\w.]+/g, "-");
  writeFileSync(`${evidence}${name}.json`, JSON.stringify({ ...way, device, proofs }, null, 2));
}

/** Keeps that two threads have given the answer of one, in both dtypes. */
export function proveThreads(runtime: string, version: string, proofs: unknown): void {
  expect(proofs).toEqual(["f32", "f64"].map((dtype) => ({ dtype, threads: 2 })));
  mkdirSync(`${evidence}threads`, { recursive: true });
  writeFileSync(`${evidence}threads/${runtime.replace(/\W+/g, "-")}.json`, JSON.stringify({ runtime, version }));
}

/** What a measurement costs somewhere, for the README. */
export function recordCost(name: string, cost: Record<string, number>): void {
  mkdirSync(`${evidence}costs`, { recursive: true });
  writeFileSync(`${evidence}costs/${name}.json`, JSON.stringify(cost));
}
