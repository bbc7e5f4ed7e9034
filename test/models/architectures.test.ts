// Every architecture against an independent forward in NumPy: test/oracle/architectures.py and checkpoints.py.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { loadModel, type ModelInput } from "../../src/models/index.js";
import { expectClose } from "./close.js";
import { runtimes } from "./runtimes.js";

const oracle = new URL("../oracle/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, oracle), "utf8"));

interface Expected {
  tokens?: number[];
  pixels?: number[][][];
  layers: { input: number[][]; sigma: number }[];
}

/** They are recorded to 9 digits. */
const rounding = 5e-9;
const names = readdirSync(new URL("architectures", oracle)).sort();

it("covers every architecture", () => {
  expect(names).toEqual(
    [
      ...["gpt2", "gpt-neo", "llama", "llama-linear", "llama3", "mistral", "qwen2", "gemma"],
      ...["bert", "roberta", "distilbert", "vit"],
    ].sort(),
  );
});

describe.each(names)("%s", (name) => {
  const expected: Expected = json(`architectures/${name}/expected.json`);
  const folder = new URL(`architectures/${name}`, oracle).pathname;
  const input = inputOf(expected);

  it.each(runtimes)("has its attention inputs on $name", async ({ make, accuracy }) => {
    const runtime = await make();
    const model = await loadModel(folder, { runtime });
    expect(model.layers).toBe(expected.layers.length);
    const trace = await model.trace(input, { layers: [...expected.layers.keys()] });
    for (const [layer, recorded] of expected.layers.entries()) {
      expectClose(trace.get(layer)!, matrix(recorded.input), Math.min(accuracy, 2e-5) + rounding);
    }
    runtime.dispose();
  });

  it.each(["f32", "f64"] as const)("has its sigma in %s", async (dtype) => {
    const runtime = await createRuntime({ device: "wasm", dtype });
    const model = await loadModel(folder, { runtime });
    const trace = await model.trace(input, { layers: [...expected.layers.keys()] });
    for (const [layer, recorded] of expected.layers.entries()) {
      const attention = model.attention(layer);
      const { sigma, lower, upper } = await localLipschitz(attention, trace.get(layer)!, { rtol: 1e-5 });
      expect(Math.abs(sigma / recorded.sigma - 1)).toBeLessThan(dtype === "f32" ? 2e-4 : 1e-4);
      expect(lower).toBeLessThanOrEqual(recorded.sigma * (1 + 1e-5));
      expect(upper).toBeGreaterThanOrEqual(recorded.sigma * (1 - 1e-5));
      attention.dispose();
    }
    runtime.dispose();
  });
});

describe("bert-random", () => {
  const { tokens, layers } = json("checkpoints.json")["bert-random"];
  const folder = new URL("bert-random", oracle).pathname;

  it.each(runtimes)("has its attention inputs on $name", async ({ make, accuracy }) => {
    const runtime = await make();
    const trace = await (await loadModel(folder, { runtime })).trace(tokens, { layers: [0, 1] });
    for (const layer of [0, 1]) {
      const { input, inputSum, inputSquares } = layers[layer];
      const { data, shape } = trace.get(layer)!;
      expect(shape).toEqual([tokens.length, 32]);
      expectClose(tensor(data.slice(0, input.flat().length), [input.length, 32]), matrix(input), accuracy);
      const norm = Math.sqrt(inputSquares);
      const values = Array.from(data);
      expect(Math.abs(values.reduce((sum, entry) => sum + entry, 0) - inputSum)).toBeLessThan(10 * accuracy * norm);
      expect(Math.abs(Math.hypot(...values) / norm - 1)).toBeLessThan(accuracy);
    }
    runtime.dispose();
  });

  it("has its sigma", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const model = await loadModel(folder, { runtime });
    const trace = await model.trace(tokens, { layers: [0, 1] });
    for (const layer of [0, 1]) {
      const { sigma } = await localLipschitz(model.attention(layer), trace.get(layer)!, { rtol: 1e-5 });
      expect(Math.abs(sigma / layers[layer].sigma - 1)).toBeLessThan(2e-4);
    }
    runtime.dispose();
  });
});

function inputOf({ tokens, pixels }: Expected): ModelInput {
  if (tokens) return tokens;
  const shape = [pixels!.length, pixels![0].length, pixels![0][0].length];
  return { pixels: tensor(Float64Array.from(pixels!.flat(2)), shape) };
}

function matrix(rows: number[][]): Tensor {
  return tensor(Float64Array.from(rows.flat()), [rows.length, rows[0].length]);
}
